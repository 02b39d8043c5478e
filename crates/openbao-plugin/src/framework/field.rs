//! The fields of a route.

/// A field of a request's body, or of its query if the request has no body; in
/// [`Route::returns`](super::Route::returns), a field of an answer.
///
/// ```
/// use openbao_plugin::framework::Field;
///
/// const FIELDS: &[Field] = &[
///     Field::text("region", "The region of the account.").default("eu-west-1").label("Region"),
///     Field::text("secret", "The account's secret.").required().sensitive(),
///     Field::text("format", "The format of the answer.").one_of(&["json", "pem"]),
///     Field::duration("ttl", "The lifetime.").default("1h"),
/// ];
/// assert!(FIELDS[1].required);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Field {
    /// The name.
    pub name: &'static str,
    /// The type.
    pub kind: FieldKind,
    /// The description in the help.
    pub description: &'static str,
    /// Whether a create must send it. On a route without [`exists`](super::Route::exists), every write must.
    pub required: bool,
    /// The documented default. The handler applies it.
    pub default: Option<&'static str>,
    /// Whether user interfaces hide the input.
    pub sensitive: bool,
    /// The accepted texts. Empty: any.
    pub allowed: &'static [&'static str],
    /// The maximum: the bytes of a text, or the items of a list, map or header. `None`: 4096 bytes, 100 items.
    pub longest: Option<usize>,
    /// The label in user interfaces. `None`: the name.
    pub label: Option<&'static str>,
    /// The group of inputs to which user interfaces add it.
    pub group: Option<&'static str>,
    /// The input that user interfaces show: `textarea`, `file`, `boolean`, `stringArray` or `ttl`. `None`: by the type.
    pub editor: Option<&'static str>,
}

/// The type of a field. Each accepts the same values as in Vault's own framework (sdk/framework, `FieldType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FieldKind {
    /// A text. A number is converted to its digits, a boolean to `1` or `0`.
    Text,
    /// `true`, `false`, `1`, `0`, or one of the words of Go's `strconv.ParseBool`.
    Boolean,
    /// A whole number of 64 bits, or a text of its decimal digits.
    Integer,
    /// Whole seconds, or a text such as `90`, `1h30m` or `1d`.
    Duration,
    /// A list of texts, or one text separated by commas. A text that starts with `[` is a JSON list.
    TextList,
    /// A JSON object, or a text of one.
    Map,
    /// HTTP headers: a JSON object of texts or lists of texts, a text of one, or a list of `name:value`.
    Header,
    /// All fields that the route does not name, unvalidated: read them from [`Call::request`](super::Call::request).
    Rest,
}

impl Field {
    const fn new(name: &'static str, kind: FieldKind, description: &'static str) -> Self {
        let (required, sensitive, allowed): (_, _, &[&str]) = (false, false, &[]);
        let (default, longest, label, group, editor) = (None, None, None, None, None);
        Self { name, kind, description, required, default, sensitive, allowed, longest, label, group, editor }
    }

    /// A field of [`FieldKind::Text`].
    pub const fn text(name: &'static str, description: &'static str) -> Self {
        Self::new(name, FieldKind::Text, description)
    }

    /// A field of [`FieldKind::Boolean`].
    pub const fn boolean(name: &'static str, description: &'static str) -> Self {
        Self::new(name, FieldKind::Boolean, description)
    }

    /// A field of [`FieldKind::Integer`].
    pub const fn integer(name: &'static str, description: &'static str) -> Self {
        Self::new(name, FieldKind::Integer, description)
    }

    /// A field of [`FieldKind::Duration`].
    pub const fn duration(name: &'static str, description: &'static str) -> Self {
        Self::new(name, FieldKind::Duration, description)
    }

    /// A field of [`FieldKind::TextList`].
    pub const fn texts(name: &'static str, description: &'static str) -> Self {
        Self::new(name, FieldKind::TextList, description)
    }

    /// A field of [`FieldKind::Map`].
    pub const fn map(name: &'static str, description: &'static str) -> Self {
        Self::new(name, FieldKind::Map, description)
    }

    /// A field of [`FieldKind::Header`].
    pub const fn header(name: &'static str, description: &'static str) -> Self {
        Self::new(name, FieldKind::Header, description)
    }

    /// Accepts all fields that the route does not name; see [`FieldKind::Rest`].
    pub const fn rest(description: &'static str) -> Self {
        Self::new("*", FieldKind::Rest, description)
    }

    /// Makes a create without this field fail. On a route without [`exists`](super::Route::exists), every write.
    #[must_use]
    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// Documents the default, which the handler applies.
    #[must_use]
    pub const fn default(mut self, default: &'static str) -> Self {
        self.default = Some(default);
        self
    }

    /// Makes user interfaces hide the input.
    #[must_use]
    pub const fn sensitive(mut self) -> Self {
        self.sensitive = true;
        self
    }

    /// Accepts only these texts, in a list for each item.
    #[must_use]
    pub const fn one_of(mut self, allowed: &'static [&'static str]) -> Self {
        self.allowed = allowed;
        self
    }

    /// Changes the maximum: the bytes of a text, or the items of a list, map or header.
    #[must_use]
    pub const fn longest(mut self, longest: usize) -> Self {
        self.longest = Some(longest);
        self
    }

    /// Sets the label in user interfaces.
    #[must_use]
    pub const fn label(mut self, label: &'static str) -> Self {
        self.label = Some(label);
        self
    }

    /// Sets the group of inputs in user interfaces.
    #[must_use]
    pub const fn group(mut self, group: &'static str) -> Self {
        self.group = Some(group);
        self
    }

    /// Sets the input in user interfaces: `textarea`, `file`, `boolean`, `stringArray` or `ttl`.
    #[must_use]
    pub const fn editor(mut self, editor: &'static str) -> Self {
        self.editor = Some(editor);
        self
    }
}
