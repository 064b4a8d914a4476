//! A second pair of eyes on the format: reads and seals journals by `docs/journal.md` alone, byte
//! by byte. With it a test can be the one who rewrites history.

use std::ops::Range;

use ringfence::types::Request;

/// Bytes of a segment's header, and the multiple that groups are padded to.
pub const BLOCK: usize = 4096;

/// Length of the frame at a place, in steps of 64 bytes.
fn steps_at(bytes: &[u8], at: usize) -> usize {
    u16::from_le_bytes(bytes[at + 32..at + 34].try_into().unwrap()).into()
}

fn put_u32(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

/// What all checksums of frames in a segment begin with.
fn seed(segment: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&segment[16..32]), &segment[40..44])
}

/// Where the frames of a segment stand.
pub fn frames(segment: &[u8]) -> Vec<Range<usize>> {
    let mut frames = Vec::new();
    let mut at = BLOCK;
    while at < segment.len() && steps_at(segment, at) > 0 {
        let end = at + 64 * steps_at(segment, at);
        frames.push(at..end);
        at = end;
    }
    frames
}

/// Makes the checksum of a segment's header true again, and returns it.
pub fn make_header_sum_true(segment: &mut [u8]) -> u32 {
    put_u32(segment, 12, 0);
    let sum = crc32c::crc32c(&segment[..BLOCK]);
    put_u32(segment, 12, sum);
    sum
}

/// Makes every checksum of a journal true again, after whatever was done to its bytes.
pub fn make_sums_true(segments: &mut [Vec<u8>]) {
    let mut previous = None;
    for segment in segments {
        let sum = make_header_sum_true(segment);
        let seed = seed(segment);
        for frame in frames(segment) {
            let frame = &mut segment[frame];
            put_u32(frame, 40, previous.unwrap_or(sum));
            let payload = crc32c::crc32c_append(seed, &frame[64..]);
            put_u32(frame, 4, payload);
            let header = crc32c::crc32c_append(seed, &frame[4..64]);
            put_u32(frame, 0, header);
            previous = Some(header);
        }
    }
}

/// The key that the contents of a key file stand for.
fn key_of(secret: &[u8]) -> [u8; 32] {
    blake3::derive_key("ringfence 2026 journal key", secret)
}

fn keyed_hash(secret: &[u8], parts: &[&[u8]]) -> [u8; 16] {
    let hash = blake3::keyed_hash(&key_of(secret), &parts.concat());
    hash.as_bytes()[..16].try_into().unwrap()
}

/// Finds the first seal that is not what the key makes of its header or frame: number of the
/// segment, from 0, and offset.
pub fn first_false_seal(segments: &[Vec<u8>], secret: &[u8]) -> Option<(usize, usize)> {
    let mut previous: Option<[u8; 16]> = None;
    for (number, segment) in segments.iter().enumerate() {
        let mut header = segment[..64].to_vec();
        header[12..16].fill(0);
        header[48..64].fill(0);
        let seal = keyed_hash(secret, &[&header]);
        if segment[48..64] != seal {
            return Some((number, 0));
        }
        for frame in frames(segment) {
            let bytes = &segment[frame.clone()];
            let before = previous.unwrap_or(seal);
            let seal = keyed_hash(secret, &[&before, &bytes[4..48], &bytes[64..]]);
            if bytes[48..64] != seal {
                return Some((number, frame.start));
            }
            previous = Some(seal);
        }
    }
    None
}

/// What the batches of a journal say of themselves, with the sequence of their first command.
pub fn requests(segments: &[Vec<u8>]) -> Vec<(u64, Request)> {
    let mut requests = Vec::new();
    for segment in segments {
        for frame in frames(segment).into_iter().map(|frame| &segment[frame]) {
            if frame[47] & 0x7f == 5 {
                let u64_at = |at| u64::from_le_bytes(frame[at..at + 8].try_into().unwrap());
                let u128_at = |at| u128::from_le_bytes(frame[at..at + 16].try_into().unwrap());
                let (session, tag, number) = (u128_at(64), u128_at(80), u64_at(96));
                requests.push((u64_at(8), Request { session, tag, number, reserved: 0 }));
            }
        }
    }
    requests
}
