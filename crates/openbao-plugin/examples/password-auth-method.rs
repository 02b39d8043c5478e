//! A whole auth method in one file: users log in with a password, and get a token with their policies.
//!
//! | path | operations | |
//! |---|---|---|
//! | `users/:name` | write, read, delete, list | a user: `password`, `policies`, `ttl` |
//! | `login/:name` | write, without a token | `password` |
//! | `wrapped` | read | an answer in a wrapping token |
//! | `host` | read | what the host tells about itself and the caller |
//!
//! A renewal reads the user again: a deleted user's token cannot be renewed, and expires.

use std::process::ExitCode;
use std::time::Duration;

use openbao_plugin::framework::{Call, Field, Route, Router, refuse};
use openbao_plugin::{
    About, Alias, Auth, Backend, Engine, Event, Failure, Lease, Mount, Operation, PluginKind, Request, Response,
    SpecialPaths, StorageEntry,
};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

const ABOUT: About<'static> =
    About::new("password-auth-method", "v1.0.0", "Logs users in with passwords.").auth_method();

static ROUTER: Router<PasswordMount> =
    Router::new("Logs users in with passwords.", &[NAMES, USERS, LOGIN, WRAPPED, HOST]);

const NAMES: Route<PasswordMount> = Route::new("users/", "Lists the users.")
    .list("Lists the names.", |mount, call| Box::pin(PasswordMount::list(mount, call)));

const USERS: Route<PasswordMount> = Route::new("users/:name", "A user.")
    .help("The password is never returned.")
    .fields(&[
        Field::text("password", "The password.").required().sensitive(),
        Field::texts("policies", "The policies of the user's tokens."),
        Field::duration("ttl", "The lifetime of a token, without renewals.").default("1h"),
    ])
    .write("Writes the user.", |mount, call| Box::pin(PasswordMount::write(mount, call)))
    .read("Reads the user.", |mount, call| Box::pin(PasswordMount::read(mount, call)))
    .delete("Deletes the user.", |mount, call| Box::pin(PasswordMount::delete(mount, call)));

const LOGIN: Route<PasswordMount> = Route::new("login/:name", "Logs a user in.")
    .fields(&[Field::text("password", "The password.").required().sensitive()])
    .write("Returns a token.", |mount, call| Box::pin(PasswordMount::login(mount, call)))
    .unauthenticated();

const WRAPPED: Route<PasswordMount> = Route::new("wrapped", "Wraps its answer.").read("Reads it.", |_, _| {
    Box::pin(async {
        let data = Map::from_iter([("secret".into(), "hush".into())]);
        Ok(Response::with_data(data).wrapped(Duration::from_secs(60)))
    })
});

const HOST: Route<PasswordMount> = Route::new("host", "What the host tells.")
    .read("Reads it.", |mount, call| Box::pin(PasswordMount::host(mount, call)));

struct PasswordMethod;

struct PasswordMount {
    mount: Mount,
}

impl Engine for PasswordMethod {
    type Backend = PasswordMount;

    fn version(&self) -> String {
        ABOUT.version.to_owned()
    }

    fn kind(&self) -> PluginKind {
        PluginKind::AuthMethod
    }

    fn mount(&self, mount: Mount) -> Result<PasswordMount, Failure> {
        Ok(PasswordMount { mount })
    }
}

impl Backend for PasswordMount {
    async fn handle_request(&self, request: Request) -> Result<Response, Failure> {
        match request.operation {
            Operation::Renew => self.renew(request).await,
            Operation::Rollback => Ok(Response::empty()),
            _ => ROUTER.handle(self, request).await,
        }
    }

    fn special_paths(&self) -> SpecialPaths {
        SpecialPaths::new().unauthenticated(ROUTER.unauthenticated_paths()).seal_wrap_storage(["users/"])
    }
}

impl PasswordMount {
    async fn user(&self, name: &str) -> Result<Option<Map<String, Value>>, Failure> {
        let Some(entry) = self.mount.storage.get(&format!("users/{name}")).await? else { return Ok(None) };
        serde_json::from_slice(&entry.value).map(Some).map_err(|_| Failure::internal("the user's entry is damaged"))
    }

    async fn write(&self, call: Call) -> Result<Response, Failure> {
        let ttl = call.duration("ttl").unwrap_or(Duration::from_secs(3600));
        let policies = call.texts("policies").unwrap_or_default();
        let password = digest(call.text("password").unwrap_or_default());
        let user = json!({"password": password, "policies": policies, "ttl": ttl.as_secs()});
        let entry = StorageEntry::new(format!("users/{}", call.name()), user.to_string());
        self.mount.storage.put(entry).await?;
        Ok(Response::empty())
    }

    async fn read(&self, call: Call) -> Result<Response, Failure> {
        let Some(mut user) = self.user(call.name()).await? else { return Ok(Response::empty()) };
        user.remove("password");
        Ok(Response::with_data(user))
    }

    async fn delete(&self, call: Call) -> Result<Response, Failure> {
        self.mount.storage.delete(&format!("users/{}", call.name())).await?;
        Ok(Response::empty())
    }

    async fn list(&self, call: Call) -> Result<Response, Failure> {
        Ok(Response::with_keys(self.mount.storage.list_page("users/", &call.page()).await?))
    }

    async fn login(&self, call: Call) -> Result<Response, Failure> {
        let user = self.user(call.name()).await?.unwrap_or_default();
        // An unknown user and a wrong password get the same answer.
        let password = user.get("password").and_then(Value::as_str);
        if password != Some(&digest(call.text("password").unwrap_or_default())) {
            return Err(refuse("the name or the password is wrong", "check both"));
        }
        let address = call.request().connection.as_ref().map(|connection| connection.remote_address.as_str());
        let auth = Auth::new(Alias::new(call.name()))
            .display_name(call.name())
            .metadata("address", address.unwrap_or_default())
            .policies(policies(&user))
            .lease(
                Lease::new(ttl(&user)).renewable().internal_data(Map::from_iter([("user".into(), call.name().into())])),
            );
        let event = Event::new().metadata("user", call.name());
        self.mount.system.send_event("password/login", event).await?;
        Ok(Response::empty().authenticated(auth))
    }

    async fn renew(&self, request: Request) -> Result<Response, Failure> {
        let held = request.auth.ok_or_else(|| Failure::internal("the renewal has no token"))?;
        let name = held.auth.lease.internal_data.get("user").and_then(Value::as_str).unwrap_or_default();
        let Some(user) = self.user(name).await? else {
            return Err(refuse("the user was deleted", "log in as another user"));
        };
        if !held.has_policies(&policies(&user)) {
            return Err(refuse("the user's policies have changed", "log in again"));
        }
        let mut auth = held.auth;
        auth.lease.ttl = ttl(&user);
        Ok(Response::empty().authenticated(auth))
    }

    async fn host(&self, call: Call) -> Result<Response, Failure> {
        let (system, request) = (&self.mount.system, call.request());
        let entity = system.entity(&request.entity_id).await?;
        let groups = system.groups_of(&request.entity_id).await?;
        // OpenBao 2.7.2 refuses it to plugins in processes of their own.
        let wrapped = system.wrap(Map::from_iter([("secret".into(), "hush".into())]), Duration::from_secs(60)).await;
        let data = json!({
            "version": system.host_version().await?,
            "cluster_id": system.cluster_id().await?,
            "is_tainted": system.is_tainted().await?,
            "is_caching_disabled": system.is_caching_disabled().await?,
            "password": system.generate_password("strong").await?,
            "alias": entity.and_then(|entity| entity.aliases.first().map(|alias| alias.name.clone())),
            "groups": groups.iter().map(|group| group.name.as_str()).collect::<Vec<_>>(),
            "has_accessor": !request.token_accessor.is_empty(),
            "wrap_error": wrapped.err().map(|error| error.to_string()),
        });
        let Value::Object(data) = data else { return Ok(Response::empty()) };
        Ok(Response::with_data(data).header("X-Seen", request.display_name.as_str()))
    }
}

fn policies(user: &Map<String, Value>) -> Vec<String> {
    let listed = user.get("policies").and_then(Value::as_array).into_iter().flatten();
    listed.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn ttl(user: &Map<String, Value>) -> Duration {
    Duration::from_secs(user.get("ttl").and_then(Value::as_u64).unwrap_or_default())
}

/// A plain digest is enough to show an auth method. A real one needs a password hash such as Argon2.
fn digest(password: &str) -> String {
    Sha256::digest(password).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn main() -> ExitCode {
    openbao_plugin::main(&ABOUT, || PasswordMethod)
}
