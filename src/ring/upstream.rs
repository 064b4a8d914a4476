//! Which cursors a stage has to look at: those that it waits for, without those that come before
//! others of them.
//!
//! ```text
//!   input ──┬──▶ risk ─────┬──▶ settle      settle reads the input and the verdicts of risk, and
//!           └──▶ journal ──┘                waits for the journal: it looks at risk and journal,
//!                                           which have waited for the input
//! ```
//!
//! # Invariants
//!
//! * A stage waits only for what was declared before it, so there is no cycle.

use alloc::vec;
use alloc::vec::Vec;

/// For each node of a graph, the nodes that it waits for. Nodes are numbered as they are declared:
/// the producers are 0, the first stage is 1.
pub struct Upstream {
    /// For each node, the nodes whose cursors it looks at.
    of: Vec<Vec<usize>>,
}

impl Upstream {
    /// A graph of the producers alone, which wait for no node before them.
    pub(super) fn new() -> Self {
        Self { of: vec![Vec::new()] }
    }

    /// Adds a stage that waits for the nodes `waits_for`. Returns those that it has to look at,
    /// each once: the ones that come before no other of them.
    pub(super) fn add(&mut self, waits_for: &[usize]) -> &[usize] {
        let mut is_open = vec![false; self.of.len()];
        waits_for.iter().for_each(|&node| is_open[node] = true);
        // From the last node to the first, each is met after all that wait for it.
        let mut is_before = vec![false; self.of.len()];
        for (node, upstream) in self.of.iter().enumerate().rev() {
            if is_open[node] || is_before[node] {
                upstream.iter().for_each(|&before| is_before[before] = true);
            }
        }
        let mut last = Vec::new();
        for &node in waits_for {
            if is_open[node] && !is_before[node] {
                is_open[node] = false;
                last.push(node);
            }
        }
        self.of.push(last);
        self.of.last().expect("it was just put there")
    }

    /// For each node, the stages that look at its cursor.
    pub(super) fn waiting(&self) -> Vec<Vec<usize>> {
        let mut waiting = vec![Vec::new(); self.of.len()];
        for (node, upstream) in self.of.iter().enumerate() {
            upstream.iter().for_each(|&before| waiting[before].push(node));
        }
        waiting
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::Upstream;
    use crate::tests::Dice;

    #[test]
    fn a_stage_looks_at_those_that_no_other_waits_for() {
        type Nodes = &'static [usize];
        //  stages before, what the next one waits for, what it looks at
        let cases: [(&[Nodes], Nodes, Nodes); 7] = [
            (&[], &[0], &[0]),
            (&[], &[0, 0], &[0]),
            (&[&[0]], &[0, 1], &[1]),
            (&[&[0], &[0]], &[1, 2, 0], &[1, 2]),
            (&[&[0], &[0]], &[2, 1, 2], &[2, 1]),
            (&[&[0], &[1], &[2]], &[1, 3, 0], &[3]),
            (&[&[0], &[0], &[1, 2]], &[1, 2, 3], &[3]),
        ];
        for (before, waits_for, expected) in cases {
            let mut upstream = Upstream::new();
            for stage in before {
                upstream.add(stage);
            }
            assert_eq!(upstream.add(waits_for), expected, "{before:?}, {waits_for:?}");
        }
    }

    /// Whether `node` comes, directly or not, before `other`; the slow way.
    fn is_before(declared: &[Vec<usize>], node: usize, other: usize) -> bool {
        declared[other].iter().any(|&up| up == node || is_before(declared, node, up))
    }

    #[test]
    fn a_stage_looks_at_what_the_slow_way_finds() {
        for seed in 0..200 {
            let mut dice = Dice(seed);
            let mut upstream = Upstream::new();
            let mut declared = vec![Vec::new()];
            for stage in 1..12 {
                let count = 1 + dice.roll(4);
                let mut waits_for = Vec::new();
                (0..count).for_each(|_| waits_for.push(dice.roll(stage) as usize));
                let mut expected = Vec::new();
                for &node in &waits_for {
                    let is_last = !waits_for.iter().any(|&other| is_before(&declared, node, other));
                    if is_last && !expected.contains(&node) {
                        expected.push(node);
                    }
                }
                assert_eq!(upstream.add(&waits_for), expected, "seed {seed}, stage {stage}");
                declared.push(waits_for);
            }
            for (node, waiting) in upstream.waiting().iter().enumerate() {
                let looks = |stage: &usize| upstream.of[*stage].contains(&node);
                let expected: Vec<usize> = (0..12).filter(looks).collect();
                assert_eq!(*waiting, expected, "seed {seed}, node {node}");
            }
        }
    }
}
