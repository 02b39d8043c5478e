//! The fields of a route.

/// A field of a request's body, or of its query if the request has no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// The name.
    pub name: &'static str,
    /// The type.
    pub kind: FieldKind,
    /// Whether a create must send it. On a route without [`exists`](super::Route::exists), every write must.
    pub required: bool,
    /// The documented default. The handler applies it.
    pub default: Option<&'static str>,
    /// Whether user interfaces hide the input.
    pub sensitive: bool,
    /// The description in the help.
    pub description: &'static str,
}

impl Field {
    /// Creates a field that is neither required nor sensitive.
    pub const fn optional(
        name: &'static str,
        kind: FieldKind,
        default: Option<&'static str>,
        description: &'static str,
    ) -> Self {
        Self { name, kind, required: false, default, sensitive: false, description }
    }
}

/// The type of a field. Each accepts the same values as in Vault's own framework (sdk/framework, `FieldType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// A text of at most 4096 bytes. A number is converted to its digits, a boolean to `1` or `0`.
    Text,
    /// `true`, `false`, `1`, `0`, or one of the words of Go's `strconv.ParseBool`.
    Boolean,
    /// Whole seconds, or a text such as `90`, `1h30m` or `1d`.
    Duration,
    /// A list of at most 100 texts, or one text separated by commas. A text that starts with `[` is a JSON list.
    TextList,
    /// All fields that the route does not name, unvalidated: read them from [`Call::request`](super::Call::request). The
    /// name of this field is documentation.
    Map,
}
