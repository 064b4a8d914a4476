/** Ringfence in Pekko Streams, for Scala. */
package io.github.ringfence.pekko.scaladsl;
