//! A journal with a key: nobody without the key can rewrite history unseen.

use std::fs;
use std::path::Path;

use crate::forge::{self, BLOCK};
use crate::support::*;
use ringfence::journal::{
    DataDir, Fault, JournalError, Key, Options, Reader, Seals, Summary, Wanted, inspect,
};

const SECRET: &[u8] = b"correct horse battery staple";

fn keyed(secret: &[u8]) -> Options {
    Options { key: Some(Key::of_secret(secret)), ..OPTIONS }
}

fn look(path: &Path, secret: Option<&[u8]>) -> Result<Summary, JournalError> {
    let dir = DataDir::open_to_read(path).unwrap();
    inspect(&dir, secret.map(Key::of_secret), |_| ())
}

/// Writes a keyed journal over several segments and two lives, with a cut tail in between.
fn write_keyed(path: &Path) -> Contents {
    let (dir, _, mut contents, mut writer) =
        open_with(path, &Wanted::default(), keyed(SECRET)).unwrap();
    for length in [3, 8192, 8192, 1] {
        append(&mut writer, &mut contents, length);
    }
    wait_for(&mut writer, contents.last_sequence());
    drop((writer, dir));
    let (dir, recovered, mut contents, mut writer) =
        open_with(path, &Wanted::default(), keyed(SECRET)).unwrap();
    assert_eq!(recovered.last_sequence, contents.last_sequence());
    for length in [8192, 5] {
        append(&mut writer, &mut contents, length);
    }
    writer.close().unwrap();
    drop(dir);
    contents
}

fn name(number: usize) -> String {
    format!("{:010}.journal", number + 1)
}

fn segments_of(path: &Path) -> Vec<Vec<u8>> {
    let segments = (0..).map(|number| fs::read(path.join(name(number))));
    segments.map_while(Result::ok).collect()
}

fn put_back(path: &Path, segments: &[Vec<u8>]) {
    for (number, bytes) in segments.iter().enumerate() {
        fs::write(path.join(name(number)), bytes).unwrap();
    }
}

/// File and offset of the damage.
fn place(result: Result<Summary, JournalError>) -> (String, u64, Fault) {
    match result {
        Err(JournalError::Damaged { path, offset, fault }) => {
            (path.file_name().unwrap().to_str().unwrap().to_owned(), offset, fault)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_seals_are_those_that_the_documentation_describes() {
    let folder = tempfile::tempdir().unwrap();
    let contents = write_keyed(folder.path());
    let segments = segments_of(folder.path());
    assert!(segments.len() >= 3);
    assert_eq!(forge::requests(&segments), contents.requests);
    assert_eq!(contents.requests.len(), 2);
    assert_eq!(forge::first_false_seal(&segments, SECRET), None);
    assert_eq!(forge::first_false_seal(&segments, b"another"), Some((0, 0)));

    let summary = look(folder.path(), Some(SECRET)).unwrap();
    assert_eq!(summary.seals, Seals::Checked);
    assert_eq!(summary.last_sequence, contents.last_sequence());
    let last = segments.iter().rev().find_map(|segment| {
        let frame = forge::frames(segment).pop()?;
        Some(segment[frame.start + 48..frame.start + 64].to_vec())
    });
    assert_eq!(last.unwrap(), summary.last_seal);
}

#[test]
fn without_the_key_a_keyed_journal_is_checked_by_checksum_and_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let contents = write_keyed(folder.path());
    let summary = look(folder.path(), None).unwrap();
    assert_eq!(summary.seals, Seals::Unchecked);
    assert_eq!(summary.last_sequence, contents.last_sequence());
    assert_eq!(read(folder.path()).unwrap().batches, contents.batches);

    let before = segments_of(folder.path());
    let refused = open(folder.path()).err().unwrap();
    assert!(matches!(refused, JournalError::KeyNeeded { .. }), "{refused}");
    assert!(segments_of(folder.path()) == before);
}

#[test]
fn another_key_is_refused_with_file_and_offset_and_nothing_is_changed() {
    let folder = tempfile::tempdir().unwrap();
    write_keyed(folder.path());
    let before = segments_of(folder.path());
    let (name, offset, fault) = place(look(folder.path(), Some(b"another")));
    assert_eq!((name.as_str(), offset, fault), ("0000000001.journal", 0, Fault::Key));

    let refused = open_with(folder.path(), &Wanted::default(), keyed(b"another")).err().unwrap();
    assert!(matches!(refused, JournalError::Damaged { fault: Fault::Key, .. }), "{refused}");
    assert!(segments_of(folder.path()) == before);
}

#[test]
fn a_key_for_a_journal_that_has_none_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    write_journal(folder.path(), &[3]);
    let refused = look(folder.path(), Some(SECRET)).unwrap_err();
    assert!(matches!(refused, JournalError::NotKeyed { .. }), "{refused}");
    let refused = open_with(folder.path(), &Wanted::default(), keyed(SECRET)).err().unwrap();
    assert!(matches!(refused, JournalError::NotKeyed { .. }), "{refused}");
}

#[test]
fn history_that_was_rewritten_with_true_checksums_is_found_with_the_key_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write_keyed(path);
    let good = segments_of(path);
    let all = |number: usize| forge::frames(&good[number]);
    let second = all(0)[1].clone();
    let (last_number, last) =
        (0..good.len()).rev().find_map(|number| Some((number, all(number).pop()?))).unwrap();

    let of_request = good.iter().enumerate().find_map(|(number, segment)| {
        let mut frames = forge::frames(segment).into_iter();
        frames.find(|frame| segment[frame.start + 47] == 5).map(|frame| (number, frame.start))
    });
    let (request_number, request) = of_request.unwrap();
    type Rewrite<'a> = (&'a str, (usize, usize), Box<dyn Fn(&mut Vec<Vec<u8>>) + 'a>);
    let rewrites: [Rewrite<'_>; 8] = [
        (
            "a batch is given to another session",
            (request_number, request),
            Box::new(|segments| segments[request_number][request + 64] ^= 1),
        ),
        (
            "an amount is raised",
            (0, second.start),
            Box::new(|segments| segments[0][second.start + 64 + 48] ^= 1),
        ),
        (
            "padding is used to hide something",
            (0, second.start),
            Box::new(|segments| segments[0][second.end - 1] = 7),
        ),
        (
            "a command is dated back",
            (0, second.start),
            Box::new(|segments| segments[0][second.start + 24] ^= 1),
        ),
        (
            "the last frame calls less durable",
            (last_number, last.start),
            Box::new(|segments| segments[last_number][last.start + 16] ^= 1),
        ),
        (
            "a seal is made up",
            (0, second.start),
            Box::new(|segments| segments[0][second.start + 63] ^= 0x80),
        ),
        (
            "a segment's length is changed",
            (1, 0),
            Box::new(|segments| {
                segments[1].extend_from_slice(&[0; BLOCK]);
                let bytes = segments[1].len() as u64;
                segments[1][32..40].copy_from_slice(&bytes.to_le_bytes());
            }),
        ),
        (
            "two segments change places, each with the other's number",
            (1, 0),
            Box::new(|segments| {
                segments.swap(1, 2);
                for number in [1, 2] {
                    segments[number][40] = number as u8 + 1;
                }
            }),
        ),
    ];
    for (what, (number, offset), rewrite) in rewrites {
        let mut segments = good.clone();
        rewrite(&mut segments);
        forge::make_sums_true(&mut segments);
        put_back(path, &segments);
        assert_eq!(forge::first_false_seal(&segments, SECRET), Some((number, offset)), "{what}");
        let (file, found, fault) = place(look(path, Some(SECRET)));
        assert_eq!((file, found), (name(number), offset as u64), "{what}");
        assert_eq!(fault, if offset == 0 { Fault::Key } else { Fault::Seal }, "{what}");
        // No tail either: it is not cut by the next start.
        let refused = open_with(path, &Wanted::default(), keyed(SECRET)).err().unwrap();
        assert!(matches!(refused, JournalError::Damaged { .. }), "{what}: {refused}");
        assert!(segments_of(path) == segments, "{what}: something was changed");
    }
    put_back(path, &good);
    look(path, Some(SECRET)).unwrap();

    // Checksums alone see nothing: anybody can make them.
    let mut segments = good.clone();
    segments[0][second.start + 64 + 48] ^= 1;
    forge::make_sums_true(&mut segments);
    put_back(path, &segments);
    assert_eq!(look(path, None).unwrap().seals, Seals::Unchecked);
}

#[test]
fn a_journal_whose_seals_were_taken_off_does_not_pass_for_one_without_a_key() {
    let folder = tempfile::tempdir().unwrap();
    write_keyed(folder.path());
    let mut segments = segments_of(folder.path());
    for segment in &mut segments {
        segment[44] = 0;
        segment[48..64].fill(0);
        for frame in forge::frames(segment) {
            segment[frame.start + 48..frame.start + 64].fill(0);
        }
    }
    forge::make_sums_true(&mut segments);
    put_back(folder.path(), &segments);
    assert_eq!(look(folder.path(), None).unwrap().seals, Seals::None);
    let refused = look(folder.path(), Some(SECRET)).unwrap_err();
    assert!(matches!(refused, JournalError::NotKeyed { .. }), "{refused}");
}

#[test]
fn a_tail_of_a_keyed_journal_is_cut_and_the_chain_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write_keyed(path);
    let mut segments = segments_of(path);
    let number =
        (0..segments.len()).rfind(|&number| !forge::frames(&segments[number]).is_empty()).unwrap();
    let last = forge::frames(&segments[number]).pop().unwrap();
    segments[number][last.start + 70] ^= 1;
    put_back(path, &segments);
    // The witness would prove that the closing frame was there.
    crate::evidence::forget_witness(path);
    let (dir, recovered, mut contents, mut writer) =
        open_with(path, &Wanted::default(), keyed(SECRET)).unwrap();
    assert_eq!(recovered.notes.len(), 2, "{:?}", recovered.notes);
    append(&mut writer, &mut contents, 9);
    writer.close().unwrap();
    drop(dir);
    assert_eq!(look(path, Some(SECRET)).unwrap().last_sequence, contents.last_sequence());
    assert_eq!(forge::first_false_seal(&segments_of(path), SECRET), None);
    let dir = DataDir::open_to_read(path).unwrap();
    let reader = Reader::open(&dir, Some(Key::of_secret(SECRET))).unwrap();
    assert_eq!(reader.seals(), Seals::Checked);
}

#[test]
fn a_key_is_made_of_every_byte_of_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let read = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        Key::read(&path)
    };
    assert_eq!(read(SECRET).unwrap(), Key::of_secret(SECRET));
    assert_ne!(read(b"a").unwrap(), read(b"a\n").unwrap());
    assert!(read(&[7; 65536]).is_ok());
    for bad in [&[][..], &[7; 65537]] {
        let refused = read(bad).unwrap_err();
        assert!(matches!(refused, JournalError::BadKey { .. }), "{refused}");
    }
    fs::remove_file(&path).unwrap();
    assert!(matches!(Key::read(&path), Err(JournalError::Io { operation: "read", .. })));
    assert_eq!(format!("{:?}", Key::of_secret(SECRET)), "Key(…)");
}
