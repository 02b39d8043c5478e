//! What a caller may send.

/// A field of a request's body, or of its query where it has no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// What callers call it.
    pub name: &'static str,
    /// What it takes.
    pub kind: FieldKind,
    /// Whether a create has to send it. Where a route has no [`exists`](super::Route::exists), which alone tells
    /// creates from updates, every write has to.
    pub required: bool,
    /// What stands for it where it is not sent. It is for people to read: the handler puts it in.
    pub default: Option<&'static str>,
    /// Whether user interfaces hide what is typed.
    pub sensitive: bool,
    /// What it means, for people to read.
    pub description: &'static str,
}

impl Field {
    /// A field that need not be sent, and that nobody has to hide.
    pub const fn optional(
        name: &'static str,
        kind: FieldKind,
        default: Option<&'static str>,
        description: &'static str,
    ) -> Self {
        Self { name, kind, required: false, default, sensitive: false, description }
    }
}

/// What a field takes. Each takes what Vault's own framework takes for it (sdk/framework, `FieldType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// A text of at most 4096 bytes. A number counts as its digits, and a boolean as `1` or `0`.
    Text,
    /// `true`, `false`, `1`, `0`, or a text that says so.
    Boolean,
    /// Whole seconds, or a text such as `90`, `1h30m` or `1d`.
    Duration,
    /// A list of at most 100 texts, or one text with commas between them. A text that begins with `[` is a JSON list.
    TextList,
    /// Every field without a name of its own, as it was sent: [`Call::request`](super::Call::request) has them. The
    /// field's name is for people to read.
    Others,
}
