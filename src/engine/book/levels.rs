//! Price levels: the queue of each price, and the order of prices of each side of each market.
//!
//! ```text
//!   side ──▶ best ⇄ level ⇄ level ⇄ … ⇄ worst       a list, the best price first
//!        └──▶ tree of price bits ──▶ level           searched for a price that is not the best
//!   level ──▶ first ⇄ order ⇄ … ⇄ last               the oldest first
//! ```
//!
//! The tree is a binary radix tree without one-way branches: a node says in which bit the prices
//! below it differ first, so a side with `n` prices has `n − 1` nodes of 16 bytes, wherever its
//! prices lie. Matching never searches it: the best level is known, and each level leads to the
//! next. It is searched for the place of a new order (about `log2(n)` steps, one per node, of which
//! only the last can be mispredicted); a level is removed in O(1).
//!
//! # Invariants
//!
//! * A side's list holds exactly its levels, better prices first; no level is empty.
//! * Below a node's child `1` all prices have the node's bit set, below its child `0` none; above
//!   that bit they agree.
//! * A level's `quantity` and `orders` are those of the orders in its queue.

use zerocopy::FromZeros;

use super::orders::Order;
use crate::table::{Array, EngineError, Growth, NO_INDEX, growth, prefetch};
use ringfence_types::Side;

/// All orders of one side of one market at one price.
#[derive(Debug, Clone, Copy, FromZeros)]
#[repr(C)]
pub(crate) struct Level {
    /// Lots of all its orders.
    pub(crate) quantity: u128,
    /// In steps.
    pub(crate) price: u64,
    /// Slot of its oldest order.
    pub(crate) first: u32,
    last: u32,
    /// The level with the next better price, or [`NO_INDEX`].
    better: u32,
    /// The level with the next worse price, or [`NO_INDEX`].
    worse: u32,
    /// How many orders it has.
    pub(crate) orders: u32,
    /// The node that leads to it, or [`NO_INDEX`] where it is its side's only level.
    parent: u32,
}

const _: () = assert!(size_of::<Level>() == 48);

/// A branch of the tree: two children that first differ in one bit.
#[derive(Debug, Clone, Copy, FromZeros)]
struct Node {
    /// A node each, or a level with [`LEAF`] set.
    children: [u32; 2],
    /// The node above, or [`NO_INDEX`].
    parent: u32,
    bit: u32,
}

const _: () = assert!(size_of::<Node>() == 16);

/// Marks the index of a level among those of nodes.
const LEAF: u32 = 1 << 31;
const _: () = assert!(crate::table::INDICES_MAX <= LEAF as u64);

/// One side of one market.
#[derive(Debug, Clone, Copy)]
struct Half {
    best: u32,
    /// A node, a level with [`LEAF`] set, or [`NO_INDEX`].
    root: u32,
}

const NO_LEVEL: Level = Level {
    quantity: 0,
    price: 0,
    first: NO_INDEX,
    last: NO_INDEX,
    better: NO_INDEX,
    worse: NO_INDEX,
    orders: 0,
    parent: NO_INDEX,
};
const EMPTY: Half = Half { best: NO_INDEX, root: NO_INDEX };

const WHAT: &str = "price levels";

/// The levels of all markets, in two pools.
#[derive(Debug)]
pub(super) struct Levels {
    levels: Array<Level>,
    nodes: Array<Node>,
    /// Two for each market.
    halves: Array<Half>,
    /// Levels and nodes from here on were never used.
    fresh_level: u32,
    fresh_node: u32,
    /// The one freed last; each leads to the next, in `worse` and `parent`.
    free_level: u32,
    free_node: u32,
}

/// Index of a side in `halves`. Its best price is the lowest of sells, the highest of buys.
#[inline(always)]
fn half_of(market: u32, side: Side) -> usize {
    market as usize * 2 + usize::from(side == Side::Sell)
}

impl Levels {
    /// Room for `orders` orders, each with a price of its own, in `markets` markets.
    pub(super) fn new(markets: usize, orders: usize) -> Result<Levels, EngineError> {
        Ok(Levels {
            levels: Array::zeroed(WHAT, orders)?,
            nodes: Array::zeroed(WHAT, orders)?,
            halves: Array::new("markets", markets * 2, EMPTY)?,
            fresh_level: 0,
            fresh_node: 0,
            free_level: NO_INDEX,
            free_node: NO_INDEX,
        })
    }

    pub(super) fn grow(&mut self, markets: usize, orders: usize) -> Result<(), EngineError> {
        self.levels.grow(orders)?;
        self.nodes.grow(orders)?;
        self.halves.grow(markets * 2)
    }

    /// Adds what grows with the capacities.
    pub(super) fn add_to(&self, growth: &mut Growth) {
        growth.add(&self.levels, growth::orders);
        growth.add(&self.nodes, growth::orders);
        growth.add(&self.halves, |rules| growth::markets(rules) * 2);
    }

    pub(super) fn bytes(&self) -> u64 {
        self.levels.bytes() + self.nodes.bytes() + self.halves.bytes()
    }

    #[inline(always)]
    pub(super) fn level(&self, level: u32) -> &Level {
        &self.levels[level as usize]
    }

    /// The level with the best price of a side, or [`NO_INDEX`].
    #[inline(always)]
    pub(super) fn best(&self, market: u32, side: Side) -> u32 {
        self.halves[half_of(market, side)].best
    }

    /// The level with the next worse price, or [`NO_INDEX`].
    #[inline(always)]
    pub(super) fn worse(&self, level: u32) -> u32 {
        self.level(level).worse
    }

    /// Prefetches a level.
    #[inline(always)]
    pub(super) fn prefetch(&self, level: u32) {
        prefetch(&self.levels, level as usize);
    }

    /// Adds the order in `slot` behind all orders at its price.
    #[inline]
    pub(super) fn append(&mut self, orders: &mut [Order], slot: u32) {
        let Order { market, side, price, remaining, .. } = orders[slot as usize];
        let index = self.find_or_add(half_of(market, side), side, price);
        let level = &mut self.levels[index as usize];
        level.quantity += u128::from(remaining);
        level.orders += 1;
        let last = core::mem::replace(&mut level.last, slot);
        match last {
            NO_INDEX => level.first = slot,
            last => orders[last as usize].after = slot,
        }
        let order = &mut orders[slot as usize];
        (order.level, order.before, order.after) = (index, last, NO_INDEX);
    }

    /// Removes the order in `slot` from its level, and the level from its side if it is empty now.
    #[inline]
    pub(super) fn take_out(&mut self, orders: &mut [Order], slot: u32) {
        let Order { market, side, level: index, before, after, remaining, .. } =
            orders[slot as usize];
        let level = &mut self.levels[index as usize];
        level.quantity -= u128::from(remaining);
        level.orders -= 1;
        match before {
            NO_INDEX => level.first = after,
            before => orders[before as usize].after = after,
        }
        match after {
            NO_INDEX => level.last = before,
            after => orders[after as usize].before = before,
        }
        orders[slot as usize].level = NO_INDEX;
        if level.orders == 0 {
            self.remove(half_of(market, side), index);
        }
    }

    /// Takes `lots` off an order's level, for the caller to take off the order.
    #[inline(always)]
    pub(super) fn reduce(&mut self, level: u32, lots: u64) {
        self.levels[level as usize].quantity -= u128::from(lots);
    }

    /// The level of this price. Adds an empty one if there is none.
    #[inline(always)]
    fn find_or_add(&mut self, half: usize, side: Side, price: u64) -> u32 {
        let Half { best, root } = self.halves[half];
        if best == NO_INDEX {
            let level = self.new_level(price);
            self.halves[half] = Half { best: level, root: level | LEAF };
            return level;
        }
        if self.level(best).price == price {
            return best;
        }
        let mut child = root;
        while child & LEAF == 0 {
            let node = &self.nodes[child as usize];
            child = node.children[(price >> node.bit & 1) as usize];
        }
        let nearest = child ^ LEAF;
        match self.level(nearest).price ^ price {
            0 => nearest,
            differing => self.add(half, side, price, nearest, 63 - differing.leading_zeros()),
        }
    }

    /// Adds a level. `nearest` is the one that shares most of the upper bits of its price, `bit`
    /// the highest in which they differ.
    fn add(&mut self, half: usize, side: Side, price: u64, nearest: u32, bit: u32) -> u32 {
        let level = self.new_level(price);
        let node = self.new_node();
        // Up to where the branch belongs: everything below `sibling` agrees above `bit`.
        let mut sibling = nearest | LEAF;
        let mut parent = self.level(nearest).parent;
        while parent != NO_INDEX && self.nodes[parent as usize].bit < bit {
            sibling = parent;
            parent = self.nodes[parent as usize].parent;
        }
        let goes_to = (price >> bit & 1) as usize;
        // The new price is beyond all of the sibling's; its neighbour is their outermost.
        let mut outermost = sibling;
        while outermost & LEAF == 0 {
            outermost = self.nodes[outermost as usize].children[goes_to];
        }
        let mut children = [sibling; 2];
        children[goes_to] = level | LEAF;
        self.nodes[node as usize] = Node { children, parent, bit };
        self.replace_child(half, parent, sibling, node);
        self.set_parent(sibling, node);
        self.levels[level as usize].parent = node;
        let is_better = (goes_to == 1) == (side == Side::Buy);
        self.link(half, level, outermost ^ LEAF, is_better);
        level
    }

    /// Puts a level into its side's list, right before or right behind `neighbour`.
    fn link(&mut self, half: usize, level: u32, neighbour: u32, is_better: bool) {
        let Level { better, worse, .. } = *self.level(neighbour);
        let (better, worse) = if is_better { (better, neighbour) } else { (neighbour, worse) };
        (self.levels[level as usize].better, self.levels[level as usize].worse) = (better, worse);
        match better {
            NO_INDEX => self.halves[half].best = level,
            better => self.levels[better as usize].worse = level,
        }
        if worse != NO_INDEX {
            self.levels[worse as usize].better = level;
        }
    }

    /// Takes an empty level out of its side.
    fn remove(&mut self, half: usize, level: u32) {
        let Level { better, worse, parent, .. } = *self.level(level);
        match better {
            NO_INDEX => self.halves[half].best = worse,
            better => self.levels[better as usize].worse = worse,
        }
        if worse != NO_INDEX {
            self.levels[worse as usize].better = better;
        }
        if parent == NO_INDEX {
            self.halves[half].root = NO_INDEX;
        } else {
            let Node { children, parent: above, .. } = self.nodes[parent as usize];
            let sibling = children[usize::from(children[0] == level | LEAF)];
            self.replace_child(half, above, parent, sibling);
            self.set_parent(sibling, above);
            self.nodes[parent as usize].parent = self.free_node;
            self.free_node = parent;
        }
        self.levels[level as usize].worse = self.free_level;
        self.free_level = level;
    }

    /// Makes what leads to `old` lead to `new`.
    fn replace_child(&mut self, half: usize, parent: u32, old: u32, new: u32) {
        if parent == NO_INDEX {
            self.halves[half].root = new;
        } else {
            let children = &mut self.nodes[parent as usize].children;
            children[usize::from(children[1] == old)] = new;
        }
    }

    fn set_parent(&mut self, child: u32, parent: u32) {
        if child & LEAF == 0 {
            self.nodes[child as usize].parent = parent;
        } else {
            self.levels[(child ^ LEAF) as usize].parent = parent;
        }
    }

    fn new_level(&mut self, price: u64) -> u32 {
        let index = if self.free_level == NO_INDEX {
            self.fresh_level += 1;
            self.fresh_level - 1
        } else {
            let free = self.free_level;
            self.free_level = self.level(free).worse;
            free
        };
        self.levels[index as usize] = Level { price, ..NO_LEVEL };
        index
    }

    fn new_node(&mut self) -> u32 {
        if self.free_node == NO_INDEX {
            self.fresh_node += 1;
            self.fresh_node - 1
        } else {
            let free = self.free_node;
            self.free_node = self.nodes[free as usize].parent;
            free
        }
    }

    /// Checks everything that must always be true of a side. Slow.
    ///
    /// # Panics
    ///
    /// If something is not as it must be: a bug in this room.
    pub(super) fn check_side(&self, orders: &[Order], market: u32, side: Side) {
        let half = self.halves[half_of(market, side)];
        let mut count = 0;
        let (mut level, mut better) = (half.best, NO_INDEX);
        while level != NO_INDEX {
            let Level { quantity, price, first, last, worse, orders: number, .. } =
                *self.level(level);
            assert_eq!(self.level(level).better, better, "a list leads back");
            if better != NO_INDEX {
                let before = self.level(better).price;
                let in_order = if side == Side::Buy { before > price } else { before < price };
                assert!(in_order, "better prices come first");
            }
            let (mut slot, mut before, mut lots, mut found) = (first, NO_INDEX, 0, 0);
            while slot != NO_INDEX {
                let order = &orders[slot as usize];
                assert_eq!((order.market, order.side, order.price), (market, side, price));
                assert_eq!((order.level, order.before), (level, before));
                assert!(order.remaining > 0, "what rests has something left");
                lots += u128::from(order.remaining);
                found += 1;
                (before, slot) = (slot, order.after);
            }
            assert!(number > 0 && last == before, "no level is empty, and its list ends");
            assert_eq!((quantity, number), (lots, found), "a level knows what it holds");
            assert_eq!(self.search(half.root, price), level, "the tree leads to every level");
            count += 1;
            (better, level) = (level, worse);
        }
        assert_eq!(self.count_below(half.root), count, "the tree leads to nothing else");
    }

    fn search(&self, root: u32, price: u64) -> u32 {
        let mut child = root;
        while child & LEAF == 0 {
            let node = &self.nodes[child as usize];
            child = node.children[(price >> node.bit & 1) as usize];
        }
        child ^ LEAF
    }

    /// How many levels a tree leads to.
    fn count_below(&self, child: u32) -> usize {
        match child {
            NO_INDEX => 0,
            leaf if leaf & LEAF != 0 => 1,
            node => {
                self.nodes[node as usize].children.map(|child| self.count_below(child)).iter().sum()
            }
        }
    }
}
