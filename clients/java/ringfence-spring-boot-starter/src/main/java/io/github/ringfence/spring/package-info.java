/**
 * Ringfence in Spring Boot: {@link io.github.ringfence.spring.RingfenceTemplate} pays and looks up,
 * {@link io.github.ringfence.spring.RingfenceEvent} is what {@code @EventListener} methods get.
 */
package io.github.ringfence.spring;
