//! Snapshots that somebody rewrote who knows the format, and snapshots of keyed journals.

use std::fs;
use std::mem::offset_of;
use std::path::Path;

use crate::support::{apply, run, text};
use crate::{TINY, lines, replay, snapshot, snapshots};
use ringfence::types::Account;
use tempfile::tempdir;

/// What somebody does to a snapshot who knows the format.
struct Forger {
    file: Vec<u8>,
}

impl Forger {
    fn open(path: &Path) -> Forger {
        Forger { file: fs::read(path).unwrap() }
    }

    fn number(&self, at: usize) -> usize {
        u64::from_le_bytes(self.file[at..at + 8].try_into().unwrap()) as usize
    }

    /// Where each section's first piece begins, the bytes of its records, and its number.
    fn sections(&self) -> Vec<(usize, usize, u32)> {
        let word = |at: usize| u32::from_le_bytes(self.file[at..at + 4].try_into().unwrap());
        let entries = (0..word(256) as usize).map(|index| 320 + index * 32);
        let section = |at: usize| {
            let records = self.number(at + 8) * word(at + 4) as usize;
            assert!(records < 1024 * 1024 - 64, "one piece each");
            (self.number(at + 16), records, word(at))
        };
        entries.map(section).collect()
    }

    /// Adds `amount` to a balance of an account; `field` is its place in the account.
    fn add(&mut self, account: usize, field: usize, amount: u128) {
        let (piece, ..) = self.sections().into_iter().find(|&(.., section)| section == 1).unwrap();
        let at = piece + 64 + account * 128 + field;
        let balance = u128::from_le_bytes(self.file[at..at + 16].try_into().unwrap());
        self.file[at..at + 16].copy_from_slice(&(balance + amount).to_le_bytes());
    }

    /// The digest of what is there now.
    fn make_digest_again(&mut self) {
        let mut hasher = blake3::Hasher::new();
        for (index, (piece, records, _)) in self.sections().into_iter().enumerate() {
            hasher.update(&self.file[320 + index * 32..][..16]);
            hasher.update(&self.file[piece + 64..piece + 64 + records]);
        }
        self.file[96..128].copy_from_slice(hasher.finalize().as_bytes());
    }

    fn save(&mut self, path: &Path) {
        let seed = crc32c::crc32c(&self.file[16..40]);
        for (piece, records, _) in self.sections() {
            let end = piece + (64 + records).next_multiple_of(4096);
            let sum = crc32c::crc32c_append(seed, &self.file[piece + 4..end]);
            self.file[piece..piece + 4].copy_from_slice(&sum.to_le_bytes());
        }
        self.file[12..16].fill(0);
        let sum = crc32c::crc32c(&self.file[..4096]);
        self.file[12..16].copy_from_slice(&sum.to_le_bytes());
        fs::write(path, &self.file).unwrap();
    }
}

#[test]
fn a_snapshot_that_was_rewritten_is_refused() {
    let folder = tempdir().unwrap();
    let key_path = folder.path().join("key");
    fs::write(&key_path, "correct horse battery staple").unwrap();
    let key = ["--journal-key", text(&key_path)];
    let (debits, credits) =
        (offset_of!(Account, debits_posted), offset_of!(Account, credits_posted));
    let change_one = |forger: &mut Forger| forger.add(0, debits, 1);
    let change_both = |forger: &mut Forger| {
        forger.add(0, debits, 1);
        forger.add(1, credits, 1);
    };
    type Change<'a> = &'a dyn Fn(&mut Forger);
    //  name                          key          change        digest  says
    let cases: [(&str, &[&str], Change, bool, &str); 4] = [
        ("with a key", &key, &change_both, true, "the seal is not the key's"),
        ("without a key", &[], &change_one, true, "debits and credits of its ledger differ"),
        ("nothing but the balance", &[], &change_one, false, "the digest in the header"),
        ("both sides", &[], &change_both, false, "the digest in the header"),
    ];
    for (index, (name, key, change, makes_digest, says)) in cases.into_iter().enumerate() {
        let dir = folder.path().join(index.to_string());
        let data_dir = ["--data-dir", text(&dir)];
        for part in lines(5, 60).chunks(40) {
            assert_eq!(apply(&dir, &[key, &TINY].concat(), &part.join("\n")).status, 0);
            snapshot(&dir, key);
        }
        let good = run(&[&["replay"], &data_dir[..], key].concat()).digest();
        let verify = || run(&[&["journal", "verify"], &data_dir[..], key].concat());
        assert_eq!(verify().status, 0, "{name}: {}", verify().stderr);

        let newest = snapshots(&dir).pop().unwrap();
        let mut forger = Forger::open(&newest);
        change(&mut forger);
        if makes_digest {
            forger.make_digest_again();
        }
        forger.save(&newest);
        let verified = verify();
        assert_eq!(verified.status, 1, "{name}: {}", verified.stdout);
        assert!(verified.stderr.contains(says), "{name}: {}", verified.stderr);
        assert!(verified.stderr.contains(text(&newest)), "{name}: {}", verified.stderr);
        // A start compares no digest: it has the seals, or else the sums.
        if name != "both sides" {
            let ran = apply(&dir, key, "");
            assert_eq!((ran.status, ran.digest()), (0, good), "{name}: {}", ran.stderr);
            assert!(ran.stderr.contains("passed over a snapshot"), "{name}: {}", ran.stderr);
        }
        // What is known to be bad is made again; nothing is retired on the strength of the rest.
        let ran = run(&[&["snapshot"], &data_dir[..], key, &["--keep", "2"]].concat());
        if name != "both sides" {
            assert_eq!(verify().status, 0, "{name}: {}", verify().stderr);
        } else {
            assert!(ran.stderr.contains("before there are two good"), "{name}: {}", ran.stderr);
        }
    }
}

#[test]
fn snapshots_of_a_keyed_journal_need_the_key_and_others_take_none() {
    let folder = tempdir().unwrap();
    let key_path = folder.path().join("key");
    fs::write(&key_path, "correct horse battery staple").unwrap();
    let key = ["--journal-key", text(&key_path)];
    let (keyed, plain) = (folder.path().join("keyed"), folder.path().join("plain"));
    apply(&keyed, &[&key[..], &TINY].concat(), &lines(5, 20).join("\n"));
    apply(&plain, &TINY, &lines(5, 20).join("\n"));
    let ran = run(&["snapshot", "--data-dir", text(&keyed)]);
    assert_eq!(ran.status, 1);
    assert!(ran.stderr.contains("is keyed"), "{}", ran.stderr);
    let ran = run(&["snapshot", "--data-dir", text(&plain), key[0], key[1]]);
    assert_eq!(ran.status, 1);
    assert!(ran.stderr.contains("has no key"), "{}", ran.stderr);
    assert!(snapshots(&keyed).is_empty() && snapshots(&plain).is_empty());
    // Who has no key reads a sealed one by its checksums.
    snapshot(&keyed, &key);
    assert_eq!(replay(&keyed, &[]).summary()["commands"], "0");
}
