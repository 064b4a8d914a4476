//! The journal through its public interface, on a real disk.

mod backends;
mod bytes;
mod damage;
mod evidence;
mod forge;
mod full_disk;
mod golden;
mod keyed;
mod places;
mod read_along;
mod repair;
mod round_trip;

mod support;
mod versions;
mod witness;
