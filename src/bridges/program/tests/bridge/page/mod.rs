//! The live page in a real browser. Skipped with a line where none is installed;
//! `RINGFENCE_BROWSER=required` makes that a failure.

mod access;
mod amounts;
mod browser;
mod killed;
mod look;
mod parts;
mod scene;
mod week;
