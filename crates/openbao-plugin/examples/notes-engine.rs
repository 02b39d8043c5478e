//! A secrets engine in 60 lines: it stores notes, and leases them.

use std::process::ExitCode;
use std::time::Duration;

use openbao_plugin::framework::{Call, Field, Route, Router};
use openbao_plugin::{About, Backend, Engine, Failure, Lease, Mount, Operation, Request, Response, StorageEntry};
use serde_json::{Map, Value};

const ABOUT: About<'static> = About::new("notes-engine", "v1.0.0", "Stores notes.");

static ROUTER: Router<Notes> = Router::new(
    "Stores notes.",
    &[
        Route::new("notes/", "The notes.").list("List the notes", |mount, call| Box::pin(Notes::list(mount, call))),
        Route::new("notes/:name", "A note.")
            .help("A write replaces the note. A read leases it for an hour.")
            .fields(&[Field::text("text", "The text of the note.").required().sensitive()])
            .write("Write the note", |mount, call| Box::pin(Notes::write(mount, call)))
            .read("Lease the note", |mount, call| Box::pin(Notes::read(mount, call))),
    ],
);

struct NotesEngine;

impl Engine for NotesEngine {
    type Backend = Notes;

    fn version(&self) -> String {
        ABOUT.version.to_owned()
    }

    fn mount(&self, mount: Mount) -> Result<Notes, Failure> {
        Ok(Notes(mount))
    }
}

struct Notes(Mount);

impl Backend for Notes {
    async fn handle_request(&self, request: Request) -> Result<Response, Failure> {
        match request.operation {
            // The host's tick, and the end of a lease: notes have nothing to revoke.
            Operation::Rollback | Operation::Revoke => Ok(Response::empty()),
            _ => ROUTER.handle(self, request).await,
        }
    }
}

impl Notes {
    async fn list(&self, call: Call) -> Result<Response, Failure> {
        Ok(Response::with_keys(self.0.storage.list_page("notes/", &call.page()).await?))
    }

    async fn write(&self, call: Call) -> Result<Response, Failure> {
        let text = call.text("text").unwrap_or_default();
        self.0.storage.put(StorageEntry::new(format!("notes/{}", call.name()), text)).await?;
        Ok(Response::empty())
    }

    async fn read(&self, call: Call) -> Result<Response, Failure> {
        if self.0.system.replication_state().await?.is_standby() {
            return Err(Failure::read_only()); // The host asks the active node, which can keep the lease.
        }
        let Some(entry) = self.0.storage.get(&format!("notes/{}", call.name())).await? else {
            return Ok(Response::empty());
        };
        let text = Value::from(String::from_utf8_lossy(&entry.value));
        let data = Map::from_iter([("text".to_owned(), text)]);
        Ok(Response::with_data(data).leased(Lease::new(Duration::from_secs(3600))))
    }
}

fn main() -> ExitCode {
    openbao_plugin::main(&ABOUT, || NotesEngine)
}
