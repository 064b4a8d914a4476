//! Lanes on huge pages.

use super::drain;
use crate::{Bell, Graph, Pages, Poll};

#[test]
fn a_lane_on_huge_pages_is_a_lane_and_was_asked_for() {
    // Below one huge page, exactly one, and several.
    for slots in [1 << 10, 1 << 18, 1 << 20] {
        let mut graph = Graph::<u64>::with_pages(slots, 1, Pages::Huge).unwrap();
        let input = graph.input();
        let mut sink = graph.stage("sink").reads((&input,)).sink();
        let (mut producer, _monitor) = graph.build(&Bell::new()).unwrap();
        for value in 0..slots as u64 {
            producer.try_publish(value).unwrap();
        }
        let Poll::Ready(batch) = sink.poll(usize::MAX).unwrap() else { panic!("all are there") };
        let address = batch.reads().0.at(slots - 1) as *const u64 as usize;
        if slots >= 1 << 18 {
            assert_eq!(is_advised(address), has_huge_pages().then_some(true), "{slots} slots");
        }
        let seen = drain(&mut sink, usize::MAX);
        assert!(seen.iter().map(|(_, value)| *value).eq(0..slots as u64));
        producer.close();
    }
}

fn has_huge_pages() -> bool {
    std::fs::exists("/sys/kernel/mm/transparent_hugepage/enabled").is_ok_and(|exists| exists)
}

/// Whether the mapping around `address` is advised to be on huge pages, where the system tells.
fn is_advised(address: usize) -> Option<bool> {
    if !has_huge_pages() {
        return None;
    }
    let maps = std::fs::read_to_string("/proc/self/smaps").ok()?;
    let mut inside = false;
    for line in maps.lines() {
        let range = line.split(' ').next().and_then(|range| range.split_once('-'));
        if let Some((start, end)) = range
            && let (Ok(start), Ok(end)) =
                (usize::from_str_radix(start, 16), usize::from_str_radix(end, 16))
        {
            inside = (start..end).contains(&address);
        }
        if inside && let Some(flags) = line.strip_prefix("VmFlags:") {
            return Some(flags.split_whitespace().any(|flag| flag == "hg"));
        }
    }
    None
}
