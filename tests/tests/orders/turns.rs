//! Who has a network when.

use super::stage::Who;

/// One order of turns.
#[derive(Debug)]
pub(super) struct Order {
    /// Who syncs, one after another.
    pub(super) turns: Vec<Who>,
}

/// Rounds in which everybody who is there has a turn.
const ROUNDS: usize = 4;

/// Every order of three devices, the same in each round; each two of them while the third is away, in
/// both orders; and one who has a network twice as often as the others.
pub(super) fn orders([a, b, c]: [Who; 3]) -> Vec<Order> {
    let mut orders = Vec::new();
    for round in [
        [a, b, c],
        [a, c, b],
        [b, a, c],
        [b, c, a],
        [c, a, b],
        [c, b, a],
    ] {
        orders.push(Order {
            turns: round.repeat(ROUNDS),
        });
    }
    for pair in [[a, b], [b, a], [a, c], [c, a], [b, c], [c, b]] {
        orders.push(Order {
            turns: pair.repeat(ROUNDS),
        });
    }
    orders.push(Order {
        turns: [a, b, a, c].repeat(ROUNDS),
    });
    orders
}

/// A table with a row missing would test less than it says.
#[test]
fn every_order_of_three_is_there_once() {
    use Who::{Guest, Phone, Second};
    let orders = orders([Phone, Second, Guest]);
    let mut seen: Vec<_> = orders.iter().map(|order| &order.turns).collect();
    seen.dedup();
    assert_eq!(seen.len(), 6 + 6 + 1);
}
