//! One path, and its operations.

use futures_util::future::BoxFuture;

use super::call::Call;
use super::field::Field;
use crate::logical::failure::Failure;
use crate::logical::request::Operation;
use crate::logical::response::Response;

/// Limits the operations of a route: write, read, patch, delete, list.
const MOST_OPERATIONS: usize = 5;
/// The fields that every list has; see [`Call::page`].
pub(super) const PAGE: &[Field] = &[
    Field::text("after", "List the names after this one only."),
    Field::integer("limit", "List at most so many names. 0: all.").default("0"),
];
/// Limits the calls of [`Route::fields`].
const MOST_FIELD_SETS: usize = 3;

/// A path, its fields and its operations.
///
/// ```
/// use openbao_plugin::framework::{Call, Field, Route};
/// use openbao_plugin::{Failure, Response};
///
/// struct NotesMount;
///
/// const NOTE: Route<NotesMount> = Route::new("notes/:name", "A note.")
///     .help("A write replaces the note.")
///     .fields(&[Field::text("text", "The text of the note.").required()])
///     .read("Read the note", |mount, call| Box::pin(read(mount, call)))
///     .write("Write the note", |mount, call| Box::pin(write(mount, call)));
///
/// async fn read(_: &NotesMount, call: Call) -> Result<Response, Failure> {
///     Err(Failure::internal(format!("{} cannot be read", call.name())))
/// }
///
/// async fn write(_: &NotesMount, call: Call) -> Result<Response, Failure> {
///     assert!(call.text("text").is_some(), "it is required");
///     Ok(Response::empty())
/// }
/// # assert_eq!(NOTE.path, "notes/:name");
/// ```
#[non_exhaustive]
pub struct Route<M: 'static> {
    /// The path below the mount. `:name` matches one name, `*key` the rest of the path. A path that ends in `/` is a list,
    /// and matches with and without the slash.
    pub path: &'static str,
    /// One line for the list of paths.
    pub summary: &'static str,
    /// The help text of the path.
    pub help: &'static str,
    /// Whether the path requires the `sudo` capability.
    pub sudo: bool,
    /// Whether the path requires no token.
    pub unauthenticated: bool,
    pub(super) display: Display,
    pub(super) exists: Option<Exists<M>>,
    fields: [&'static [Field]; MOST_FIELD_SETS],
    operations: [Option<RouteOperation<M>>; MOST_OPERATIONS],
}

/// What user interfaces show of a path (sdk/framework, `DisplayAttributes`).
#[derive(Clone, Copy, Default)]
pub(super) struct Display {
    pub(super) item_type: Option<&'static str>,
    pub(super) action: Option<&'static str>,
    pub(super) navigation: bool,
}

/// An operation of a route.
pub(super) struct RouteOperation<M: 'static> {
    /// A write is [`Operation::Update`].
    pub(super) operation: Operation,
    pub(super) summary: &'static str,
    pub(super) handler: Handler<M>,
    pub(super) returns: &'static [Field],
}

impl<M: 'static> Clone for RouteOperation<M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M: 'static> Copy for RouteOperation<M> {}

/// Answers a call of a mount.
pub type Handler<M> = for<'a> fn(&'a M, Call) -> BoxFuture<'a, Result<Response, Failure>>;

/// Returns whether the target of a call exists. The call has no fields, because they are validated later.
pub type Exists<M> = for<'a> fn(&'a M, Call) -> BoxFuture<'a, Result<bool, Failure>>;

impl<M: 'static> RouteOperation<M> {
    /// The operation's name for callers, who do not distinguish creates from updates.
    pub(super) fn verb(&self) -> &'static str {
        match self.operation {
            Operation::Create | Operation::Update => "write",
            Operation::Read => "read",
            Operation::Patch => "patch",
            Operation::Delete => "delete",
            Operation::List => "list",
            Operation::Help => "help",
            Operation::Renew => "renew",
            Operation::Revoke => "revoke",
            Operation::Rollback => "rollback",
        }
    }
}

impl<M: 'static> Route<M> {
    /// A path without operations. `:name` matches one name, `*key` the rest of the path. A path that ends in `/` is a
    /// list, and matches with and without the slash. `summary` is one line for the list of paths.
    pub const fn new(path: &'static str, summary: &'static str) -> Self {
        let display = Display { item_type: None, action: None, navigation: false };
        let (fields, operations) = ([&[] as &[Field]; MOST_FIELD_SETS], [None; MOST_OPERATIONS]);
        Self { path, summary, help: "", sudo: false, unauthenticated: false, display, exists: None, fields, operations }
    }

    /// Sets the help text of the path.
    #[must_use]
    pub const fn help(mut self, help: &'static str) -> Self {
        self.help = help;
        self
    }

    /// Adds fields that a caller may send, beside the parameters in the path. Fields that several routes share may be added
    /// by a second and third call.
    ///
    /// # Panics
    ///
    /// At compile time, on the fourth call.
    #[must_use]
    pub const fn fields(mut self, fields: &'static [Field]) -> Self {
        let mut set = 0;
        while set < MOST_FIELD_SETS {
            if self.fields[set].is_empty() {
                self.fields[set] = fields;
                return self;
            }
            set += 1;
        }
        panic!("a route has at most three sets of fields")
    }

    /// Answers reads.
    #[must_use]
    pub const fn read(self, summary: &'static str, handler: Handler<M>) -> Self {
        self.operation(Operation::Read, summary, handler)
    }

    /// Answers writes: creates and updates, see [`exists`](Self::exists).
    #[must_use]
    pub const fn write(self, summary: &'static str, handler: Handler<M>) -> Self {
        self.operation(Operation::Update, summary, handler)
    }

    /// Answers patches. They need no [required](Field::required) field, and a null removes a field; see
    /// [`Call::is_null`].
    #[must_use]
    pub const fn patch(self, summary: &'static str, handler: Handler<M>) -> Self {
        self.operation(Operation::Patch, summary, handler)
    }

    /// Answers deletes.
    #[must_use]
    pub const fn delete(self, summary: &'static str, handler: Handler<M>) -> Self {
        self.operation(Operation::Delete, summary, handler)
    }

    /// Answers lists, and pages of them; see [`Call::page`].
    #[must_use]
    pub const fn list(self, summary: &'static str, handler: Handler<M>) -> Self {
        self.operation(Operation::List, summary, handler)
    }

    /// Describes the fields of the answer to the operation that was added last, for the OpenAPI document.
    ///
    /// # Panics
    ///
    /// At compile time, before the first operation.
    #[must_use]
    pub const fn returns(mut self, fields: &'static [Field]) -> Self {
        let mut last = MOST_OPERATIONS;
        while last > 0 {
            last -= 1;
            if let Some(operation) = &mut self.operations[last] {
                operation.returns = fields;
                return self;
            }
        }
        panic!("returns() describes the operation before it")
    }

    /// Distinguishes a create from an update: a create needs all [required](Field::required) fields, and the capability
    /// `create` in place of `update`. Without it every write is an update.
    #[must_use]
    pub const fn exists(mut self, exists: Exists<M>) -> Self {
        self.exists = Some(exists);
        self
    }

    /// Requires the `sudo` capability. Hosts match a prefix: the path up to its first parameter.
    #[must_use]
    pub const fn sudo(mut self) -> Self {
        self.sudo = true;
        self
    }

    /// Requires no token, as the login of an auth method. Hosts match a prefix: the path up to its first parameter.
    #[must_use]
    pub const fn unauthenticated(mut self) -> Self {
        self.unauthenticated = true;
        self
    }

    /// Names the objects of this path for user interfaces, such as `Role`.
    #[must_use]
    pub const fn item_type(mut self, item_type: &'static str) -> Self {
        self.display.item_type = Some(item_type);
        self
    }

    /// Sets the verb of user interfaces, such as `Configure` or `Rotate`.
    #[must_use]
    pub const fn action(mut self, action: &'static str) -> Self {
        self.display.action = Some(action);
        self
    }

    /// Makes the path a navigation tab in user interfaces.
    #[must_use]
    pub const fn navigation(mut self) -> Self {
        self.display.navigation = true;
        self
    }

    const fn operation(mut self, operation: Operation, summary: &'static str, handler: Handler<M>) -> Self {
        let mut slot = 0;
        while slot < MOST_OPERATIONS {
            if self.operations[slot].is_none() {
                self.operations[slot] = Some(RouteOperation { operation, summary, handler, returns: &[] });
                return self;
            }
            slot += 1;
        }
        panic!("a route has each operation at most once")
    }

    /// Returns the fields that a caller may send, beside the parameters in the path.
    pub fn all_fields(&self) -> impl Iterator<Item = &'static Field> + Clone + use<M> {
        self.fields.into_iter().flatten()
    }

    /// The fields of an operation: a list has those of its page as well.
    pub(super) fn fields_of(&self, operation: Operation) -> impl Iterator<Item = &'static Field> + Clone + use<M> {
        self.all_fields().chain(PAGE.iter().filter(move |_| operation == Operation::List))
    }

    /// The handler of an operation.
    pub(super) fn find(&self, operation: Operation) -> Option<&RouteOperation<M>> {
        let operation = if operation == Operation::Create { Operation::Update } else { operation };
        self.operations().find(|candidate| candidate.operation == operation)
    }

    /// The operations, in the order of the table.
    pub(super) fn operations(&self) -> impl Iterator<Item = &RouteOperation<M>> {
        self.operations.iter().flatten()
    }
}
