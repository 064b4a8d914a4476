//! A data directory in memory, to be changed and then put on a disk.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

/// What stands under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A file with these bytes.
    File(Arc<Vec<u8>>),
    /// An empty directory.
    Directory,
    /// A named pipe, which nobody writes to.
    Pipe,
    /// A symbolic link to [`VICTIM`].
    Link,
}

/// A file beside the directory that nobody may touch.
pub const VICTIM: &str = "victim";
/// What it holds.
pub const VICTIM_BYTES: &[u8] = b"not to be touched";

/// Names and what stands under them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Image {
    /// By name.
    pub entries: BTreeMap<String, Entry>,
    /// Modes other than 0600, by name; that of the directory, other than 0700, by the empty name.
    pub modes: BTreeMap<String, u32>,
}

impl Image {
    /// What is in `dir`.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn read(dir: &Path) -> io::Result<Image> {
        let mut image = Image::default();
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            let name = entry.file_name().into_string().expect("names are text");
            let what = if kind.is_file() {
                Entry::File(Arc::new(fs::read(entry.path())?))
            } else if kind.is_dir() {
                Entry::Directory
            } else if kind.is_symlink() {
                Entry::Link
            } else {
                Entry::Pipe
            };
            image.entries.insert(name, what);
        }
        Ok(image)
    }

    /// Puts it into `dir`, which is empty, and the victim beside it.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn write(&self, dir: &Path) -> io::Result<()> {
        fs::write(dir.with_file_name(VICTIM), VICTIM_BYTES)?;
        for (name, entry) in &self.entries {
            let path = dir.join(name);
            match entry {
                Entry::File(bytes) => write_sparse(&path, bytes)?,
                Entry::Directory => fs::create_dir(path)?,
                Entry::Link => symlink(dir.with_file_name(VICTIM), path)?,
                Entry::Pipe => {
                    let made = Command::new("mkfifo").arg(path).status()?;
                    assert!(made.success(), "mkfifo is there");
                }
            }
        }
        Ok(())
    }

    /// Gives the files in `dir`, and the directory itself, their modes.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn set_modes(&self, dir: &Path) -> io::Result<()> {
        if self.modes.is_empty() {
            return Ok(());
        }
        // Some may be retired by now.
        let is_there = |name: &String| !name.is_empty() && dir.join(name).is_file();
        for (name, &mode) in self.modes.iter().filter(|(name, _)| is_there(name)) {
            set_mode(&dir.join(name), mode)?;
        }
        // Last: it may forbid to look for the files.
        set_mode(dir, self.mode_of_directory())
    }

    /// Gives them those that an engine gives them.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn reset_modes(&self, dir: &Path) -> io::Result<()> {
        if self.modes.is_empty() {
            return Ok(());
        }
        set_mode(dir, 0o700)?;
        for name in self.modes.keys().filter(|name| dir.join(name).is_file()) {
            set_mode(&dir.join(name), 0o600)?;
        }
        Ok(())
    }

    /// Whether others than the owner may write to something that is in `dir`, once the modes are
    /// set.
    #[must_use]
    pub fn is_open_to_others(&self, dir: &Path) -> bool {
        let is_reached = self.mode_of_directory() & 0o011 != 0;
        let is_open = |(name, &mode): (&String, &u32)| {
            let is_seen = name.is_empty() || (is_reached && dir.join(name).is_file());
            mode & 0o022 != 0 && is_seen
        };
        self.modes.iter().any(is_open)
    }

    fn mode_of_directory(&self) -> u32 {
        self.modes.get("").copied().unwrap_or(0o700)
    }

    /// Names of the files that end so, in order.
    #[must_use]
    pub fn names(&self, end: &str) -> Vec<String> {
        let files = self.entries.iter().filter(|(_, entry)| matches!(entry, Entry::File(_)));
        files.map(|(name, _)| name.clone()).filter(|name| name.ends_with(end)).collect()
    }

    /// The bytes of a file.
    ///
    /// # Panics
    ///
    /// If there is no such file.
    #[must_use]
    pub fn bytes(&self, name: &str) -> &Arc<Vec<u8>> {
        match self.entries.get(name) {
            Some(Entry::File(bytes)) => bytes,
            other => panic!("{name} is no file but {other:?}"),
        }
    }

    /// The bytes of a file, to be changed.
    ///
    /// # Panics
    ///
    /// If there is no such file.
    pub fn bytes_mut(&mut self, name: &str) -> &mut Vec<u8> {
        match self.entries.get_mut(name) {
            Some(Entry::File(bytes)) => Arc::make_mut(bytes),
            other => panic!("{name} is no file but {other:?}"),
        }
    }

    /// Puts a file there.
    pub fn put(&mut self, name: impl Into<String>, bytes: Vec<u8>) {
        self.entries.insert(name.into(), Entry::File(Arc::new(bytes)));
    }
}

/// A directory that is gone once it is dropped, in memory where that is possible.
///
/// # Panics
///
/// If there is no room for it.
pub(super) fn temporary_folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("there is room")
}

fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

/// Writes a file without the zeros in it.
fn write_sparse(path: &Path, bytes: &[u8]) -> io::Result<()> {
    const PART: usize = 64 * 1024;
    let file = File::create(path)?;
    file.set_len(bytes.len() as u64)?;
    for (index, part) in bytes.chunks(PART).enumerate() {
        if part.iter().any(|&byte| byte != 0) {
            file.write_all_at(part, (index * PART) as u64)?;
        }
    }
    Ok(())
}
