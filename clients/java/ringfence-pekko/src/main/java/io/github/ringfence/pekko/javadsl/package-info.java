/** Ringfence in Pekko Streams, for Java. */
package io.github.ringfence.pekko.javadsl;
