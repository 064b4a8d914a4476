//! The inputs that targets begin with, as files: `tools/fuzz/corpus/TARGET/NAME`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::Target;

/// The folder of a target's inputs.
#[must_use]
pub fn folder(target: &Target) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target.name)
}

/// Every input of a target, in the order of the files' names.
///
/// # Errors
///
/// If they cannot be read.
pub fn read(target: &Target) -> io::Result<Vec<Vec<u8>>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder(target))? {
        paths.push(entry?.path());
    }
    paths.sort();
    paths.iter().map(fs::read).collect()
}

/// Writes the corpus that a target makes; inputs of other names stay. How many were written.
///
/// # Errors
///
/// If a file cannot be written.
pub fn write(target: &Target) -> io::Result<usize> {
    let folder = folder(target);
    fs::create_dir_all(&folder)?;
    let inputs = (target.corpus)();
    for (name, bytes) in &inputs {
        fs::write(folder.join(name), bytes)?;
    }
    Ok(inputs.len())
}
