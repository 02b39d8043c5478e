//! Scenes: what a schedule starts from, and who acts in it.

use std::fmt;

use crate::planted::Bug;

/// What the document asks the rotation to renew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Token,
    Generated,
    Alternating,
    InPlace,
    AccessKeys,
}

/// The semantics of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// Secrets Manager: labels, an answer that can be lost, reads that can be stale.
    Aws,
    /// KV version 2: check-and-set, an answer that can be lost.
    Kv,
    /// Files: one process at a time, every call is carried out at once.
    File,
    /// The storage of a secrets engine: settings and token are stored apart.
    Plugin,
    /// The whole secrets engine, over a model of its host.
    Engine,
}

/// Who acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Secrets Manager calls the four steps, each in an invocation of its own, and once more after a failure. Two of them
    /// in one scene share the ClientRequestToken while it is pending.
    Service,
    /// `rotate --local`, the command line on KV and files, and the engine's tick.
    Local,
    /// An operator edits a field of the document.
    Edit,
    /// An operator regenerates the client secret by hand, and stores it.
    Regenerate,
    /// An operator removes the pending label.
    Unstage,
    /// An operator cancels the rotation (CancelRotateSecret).
    Cancel,
    /// A request to `rotate-root/`.
    Root,
    /// A request to `rotate-role/`.
    Rotate,
    /// A pass of the engine's background task.
    Tick,
    /// A reader of `static-creds/` and `creds/`.
    Read,
    /// Another node becomes active, runs a pass, and gets a request to `rotate-root/`.
    Takeover,
}

/// What a schedule starts from.
#[derive(Clone, Copy, Debug)]
pub struct Scene {
    pub mode: Mode,
    pub flavour: Flavour,
    /// Whether a new client secret needs time to propagate.
    pub is_late: bool,
    /// Whether tokens die with the client secret that they were issued with.
    pub tokens_die: bool,
    pub cast: &'static [Role],
    pub bug: Option<Bug>,
}

impl Mode {
    pub const ALL: [Self; 5] = [Self::Token, Self::Generated, Self::Alternating, Self::InPlace, Self::AccessKeys];

    /// The fields that a rotation writes besides the token's.
    pub fn written(self) -> &'static [&'static str] {
        match self {
            Self::Token | Self::Generated => &[],
            Self::InPlace => &["client_secret"],
            Self::Alternating => &["client_id", "client_secret", "clients"],
            Self::AccessKeys => &["access_key_id", "access_key_secret", "clients"],
        }
    }

    /// Whether a rotation creates client secrets or access keys.
    pub fn renews(self) -> bool {
        !matches!(self, Self::Token | Self::Generated)
    }
}

impl Role {
    pub fn is_rotator(self) -> bool {
        matches!(self, Self::Service | Self::Local | Self::Root | Self::Rotate | Self::Tick | Self::Takeover)
    }
}

impl fmt::Display for Scene {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}/{:?}", self.mode, self.flavour)?;
        if self.is_late {
            write!(formatter, "/late")?;
        }
        if self.tokens_die {
            write!(formatter, "/tokens-die")?;
        }
        for (index, role) in self.cast.iter().enumerate() {
            write!(formatter, "{}{role:?}", if index == 0 { "/" } else { "+" })?;
        }
        match self.bug {
            Some(bug) => write!(formatter, "/bug={bug:?}"),
            None => Ok(()),
        }
    }
}

const AWS_CASTS: [&[Role]; 21] = [
    &[Role::Service],
    &[Role::Local],
    &[Role::Service, Role::Service],
    &[Role::Service, Role::Local],
    &[Role::Local, Role::Local],
    &[Role::Service, Role::Edit],
    &[Role::Local, Role::Edit],
    &[Role::Service, Role::Regenerate],
    &[Role::Local, Role::Regenerate],
    &[Role::Service, Role::Unstage],
    &[Role::Service, Role::Cancel],
    &[Role::Service, Role::Local, Role::Local],
    &[Role::Service, Role::Edit, Role::Regenerate],
    &[Role::Local, Role::Edit, Role::Regenerate],
    &[Role::Service, Role::Edit, Role::Unstage],
    &[Role::Service, Role::Regenerate, Role::Unstage],
    &[Role::Service, Role::Regenerate, Role::Cancel],
    &[Role::Service, Role::Unstage, Role::Cancel],
    &[Role::Service, Role::Local, Role::Edit],
    &[Role::Service, Role::Local, Role::Edit, Role::Regenerate],
    &[Role::Service, Role::Local, Role::Edit, Role::Unstage],
];
const OTHER_CASTS: [&[Role]; 7] = [
    &[Role::Local],
    &[Role::Local, Role::Local],
    &[Role::Local, Role::Edit],
    &[Role::Local, Role::Regenerate],
    &[Role::Local, Role::Local, Role::Local],
    &[Role::Local, Role::Edit, Role::Regenerate],
    &[Role::Local, Role::Local, Role::Edit, Role::Regenerate],
];
const PLUGIN_CASTS: [&[Role]; 3] = [&[Role::Local], &[Role::Local, Role::Local], &[Role::Local, Role::Edit]];
const ROOT_CASTS: [&[Role]; 9] = [
    &[Role::Root],
    &[Role::Root, Role::Root],
    &[Role::Root, Role::Tick],
    &[Role::Root, Role::Edit],
    &[Role::Root, Role::Read],
    &[Role::Root, Role::Takeover],
    &[Role::Root, Role::Root, Role::Edit],
    &[Role::Root, Role::Regenerate],
    &[Role::Root, Role::Edit, Role::Regenerate],
];
const STATIC_ROLE_CASTS: [&[Role]; 7] = [
    &[Role::Rotate],
    &[Role::Tick, Role::Rotate],
    &[Role::Tick, Role::Edit],
    &[Role::Tick, Role::Read],
    &[Role::Rotate, Role::Rotate],
    &[Role::Tick, Role::Takeover],
    &[Role::Tick, Role::Rotate, Role::Edit],
];

/// The scenes of a mode that run the rotation alone.
pub fn of_rotation(mode: Mode) -> Vec<Scene> {
    of_mode(mode).into_iter().filter(|scene| scene.flavour != Flavour::Engine).collect()
}

/// The scenes of a mode that run the whole secrets engine.
pub fn of_engine(mode: Mode) -> Vec<Scene> {
    of_mode(mode).into_iter().filter(|scene| scene.flavour == Flavour::Engine).collect()
}

/// Every scene of a mode.
pub fn of_mode(mode: Mode) -> Vec<Scene> {
    let mut scenes = Vec::new();
    for flavour in [Flavour::Aws, Flavour::Kv, Flavour::File, Flavour::Plugin, Flavour::Engine] {
        let casts: &[&'static [Role]] = match flavour {
            Flavour::Aws => &AWS_CASTS,
            Flavour::Kv | Flavour::File => &OTHER_CASTS,
            // Static roles renew tokens only.
            Flavour::Plugin if mode.renews() => &[],
            Flavour::Plugin => &PLUGIN_CASTS,
            Flavour::Engine if mode == Mode::AccessKeys => &ROOT_CASTS[..7],
            Flavour::Engine if mode.renews() => &ROOT_CASTS,
            Flavour::Engine => &STATIC_ROLE_CASTS,
        };
        for &cast in casts {
            for (is_late, tokens_die) in [(false, false), (true, false), (false, true)] {
                // Without a new secret, neither can be seen.
                let renews = mode.renews() || cast.contains(&Role::Regenerate);
                let dies = mode != Mode::AccessKeys || !tokens_die;
                if dies && (renews || !(is_late || tokens_die)) {
                    scenes.push(Scene { mode, flavour, is_late, tokens_die, cast, bug: None });
                }
            }
        }
    }
    scenes
}
