//! Small disks that can really be filled: an ext4 in a file, and a tmpfs.
//!
//! They need the right to mount.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use tempfile::{TempDir, tempdir};

/// A file system of its own, gone with the value.
pub struct Mounted {
    folder: TempDir,
}

impl Mounted {
    /// A file system of this kind and of so many MiB; `None`, and a line that says so, where this
    /// user may not mount one.
    pub fn new(kind: &str, mebibytes: u64) -> Option<Mounted> {
        let folder = tempdir().unwrap();
        let point = folder.path().join("disk");
        fs::create_dir(&point).unwrap();
        let is_done = |command: &mut Command| {
            let done = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
            done.is_ok_and(|status| status.success())
        };
        let size = format!("size={mebibytes}m");
        let mut mount = Command::new("mount");
        match kind {
            "ext4" => {
                let image = folder.path().join("image");
                File::create(&image).unwrap().set_len(mebibytes << 20).unwrap();
                let made = is_done(Command::new("mkfs.ext4").args(["-q", "-m", "0"]).arg(&image));
                if !made {
                    eprintln!("no mkfs.ext4 here: nothing to try");
                    return None;
                }
                mount.args(["-o", "loop"]).arg(&image)
            }
            _ => mount.args(["-t", kind, "-o", &size, "none"]),
        };
        if !is_done(mount.arg(&point)) {
            eprintln!("no {kind} can be mounted here: nothing to try");
            return None;
        }
        Some(Mounted { folder })
    }

    /// Where it is.
    pub fn disk(&self) -> PathBuf {
        self.folder.path().join("disk")
    }

    /// A data directory on it.
    pub fn data(&self) -> PathBuf {
        self.disk().join("data")
    }

    /// Takes all the room but so many bytes.
    pub fn fill(&self, left: usize) {
        let kept = self.disk().join("kept");
        fs::write(&kept, vec![1; left]).unwrap();
        let mut filler =
            File::options().create(true).append(true).open(self.disk().join("filler")).unwrap();
        let mut bytes = vec![1; 64 * 1024];
        while !bytes.is_empty() {
            if filler.write(&bytes).is_err() {
                bytes.truncate(bytes.len() / 2);
            }
        }
        filler.sync_all().unwrap();
        fs::remove_file(kept).unwrap();
    }

    /// Gives back what [`Mounted::fill`] took.
    pub fn make_room(&self) {
        fs::remove_file(self.disk().join("filler")).unwrap();
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Lazily: what a test that failed still holds open keeps nothing mounted for others.
        drop(Command::new("umount").arg("-l").arg(self.disk()).status());
    }
}

/// Both kinds, as far as they can be mounted.
pub fn disks() -> impl Iterator<Item = (&'static str, Mounted)> {
    ["ext4", "tmpfs"].into_iter().filter_map(|kind| Some((kind, Mounted::new(kind, 24)?)))
}
