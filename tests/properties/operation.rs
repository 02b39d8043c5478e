//! The operations of a history.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

/// The length of a history is at most an eighth of the number of inputs, and at most this.
const LONGEST: u32 = 200;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mode {
    Token,
    Alternating,
    InPlace,
}

#[derive(Clone, Debug)]
pub enum Operation {
    Rotate,
    /// Two rotations at the same time, from two processes.
    RotateTwice,
    /// The rotation's future is dropped after so many polls. With a signal, the program rolls back; a killed one does not.
    Interrupt {
        polls: usize,
        is_killed: bool,
    },
    /// A rotation during which one kind of call of the platform fails.
    Fail {
        call: Index,
        answer_is_lost: bool,
    },
    /// The operator changes a field that rotations do not write.
    Edit(u64),
    /// The operator regenerates the secret of the active client, and stores it.
    Regenerate,
    /// The operator stores an earlier document again.
    Restore(Index),
    /// The operator deletes the rotation's own state.
    DeleteState,
    /// The operator revokes the reader's token.
    Revoke,
    Status,
    Check,
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        6 => Just(Operation::Rotate),
        2 => Just(Operation::RotateTwice),
        6 => (1..80_usize, any::<bool>()).prop_map(|(polls, is_killed)| Operation::Interrupt { polls, is_killed }),
        4 => (any::<Index>(), any::<bool>()).prop_map(|(call, answer_is_lost)| Operation::Fail { call, answer_is_lost }),
        3 => any::<u64>().prop_map(Operation::Edit),
        1 => Just(Operation::Regenerate),
        1 => any::<Index>().prop_map(Operation::Restore),
        1 => Just(Operation::DeleteState),
        1 => Just(Operation::Revoke),
        2 => Just(Operation::Status),
        1 => Just(Operation::Check),
    ]
}

pub fn history() -> impl Strategy<Value = (Mode, Vec<Operation>)> {
    let mode = prop::sample::select(vec![Mode::Token, Mode::Alternating, Mode::InPlace]);
    let longest = (ProptestConfig::default().cases / 8).clamp(1, LONGEST);
    (mode, vec(operation(), 1..=longest as usize))
}
