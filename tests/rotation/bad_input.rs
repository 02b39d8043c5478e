//! Whatever is wrong has its own clear error, and nothing is promoted.

use super::*;
use reqwest::StatusCode;
use simulators::faults::{Effect, Fault, FaultAnswer};

/// Rotates a secret that holds `value`, and gives the first failure: its step, type and message.
pub(super) async fn failure_of(world: &World, value: &str) -> (String, String, String) {
    world.create_text(SECRET, value).await;
    failure(world).await
}

pub(super) async fn failure(world: &World) -> (String, String, String) {
    let former = world.holder("AWSCURRENT").map(|version| version.id);
    let outcome = world.rotate().await;
    assert!(!outcome.succeeded);
    assert_eq!(world.holder("AWSCURRENT").map(|version| version.id), former, "nothing is promoted");
    world.assert_clean();
    let (step, error) = outcome.failures.into_iter().next().expect("a failure");
    assert!(error.message.contains("(hint: "), "{error:?}");
    (step, error.error_type, error.message)
}

fn with(name: &str, value: Value) -> String {
    let mut changed = document();
    changed[name] = value;
    changed.to_string()
}

fn without(name: &str) -> String {
    let mut changed = document();
    changed.as_object_mut().expect("an object").remove(name);
    changed.to_string()
}

#[tokio::test]
async fn a_document_that_cannot_be_used_says_why() {
    let large = "x".repeat(65_300);
    let twice =
        format!(r#"{{"client_id":"a","client_id":"b","client_secret":"{CLIENT_SECRET}","region":"mypurecloud.ie"}}"#);
    let rows: Vec<(String, &str, &str)> = vec![
        (" ".to_owned(), "DocumentInvalid", "empty"),
        ("client_secret=hush".to_owned(), "DocumentInvalid", "not JSON"),
        (document().to_string() + "}", "DocumentInvalid", "not JSON"),
        ("[1]".to_owned(), "DocumentInvalid", "not an object"),
        (json!("text").to_string(), "DocumentInvalid", "not an object"),
        (json!({"region": "mypurecloud.ie"}).to_string(), "DocumentInvalid", "no client credentials"),
        (without("client_secret"), "DocumentInvalid", "no client secret"),
        (without("client_id"), "DocumentInvalid", "no client id"),
        (without("region"), "DocumentInvalid", "no region"),
        (twice, "DocumentInvalid", "duplicate field"),
        (with("client_secret", json!(format!("{CLIENT_SECRET}\n"))), "DocumentInvalid", "whitespace"),
        (with("client_secret", json!(format!(" {CLIENT_SECRET}"))), "DocumentInvalid", "whitespace"),
        (with("client_id", json!(format!("{CLIENT_ID} "))), "DocumentInvalid", "whitespace"),
        (with("client_id", json!(7)), "DocumentInvalid", "not a string"),
        (with("client_id", json!("")), "DocumentInvalid", "is empty"),
        (with("clientId", json!("another")), "DocumentInvalid", "different values"),
        (with("credentials", json!("genesys/credentials")), "DocumentInvalid", "also holds credentials"),
        (with("platform", json!("nice-cxtwo")), "DocumentInvalid", "platform"),
        (with("region", json!("eu-west-9")), "UnknownRegion", "eu-west-9"),
        (
            with("region", json!("https://login.mypurecloud.ie")),
            "UnknownRegion",
            "set the region to the domain mypurecloud.ie",
        ),
        (with("region", json!("http://169.254.169.254/")), "UnknownRegion", "169.254"),
        (with("probes", json!("GET /api/v2/users")), "DocumentInvalid", "list"),
        (with("probes", json!(["POST /api/v2/users"])), "DocumentInvalid", "GET /path"),
        (with("probes", json!(["GET https://evil.example/"])), "DocumentInvalid", "GET /path"),
        (with("probes", json!(["GET //evil.example/"])), "DocumentInvalid", "GET /path"),
        (with("notes", json!(large)), "DocumentInvalid", "65536"),
        (
            json!({"region": "mypurecloud.ie", "credentials": SECRET}).to_string(),
            "DocumentInvalid",
            "names the secret itself",
        ),
        (json!({"region": "mypurecloud.ie", "credentials": "no/such"}).to_string(), "SecretNotFound", "no/such"),
        (with("client_secret", json!("wrong")), "CredentialsRejected", "mypurecloud.ie"),
    ];
    for (value, kind, words) in rows {
        let world = World::new().await;
        let (step, error_type, message) = failure_of(&world, &value).await;
        let shown = if value.len() > 200 { "(a large document)" } else { value.as_str() };
        assert_eq!((step.as_str(), error_type.as_str()), ("createSecret", kind), "{shown}: {message}");
        assert!(message.contains(words), "{shown}: {message}");
    }
}

#[tokio::test]
async fn credentials_elsewhere_that_cannot_be_used_say_why() {
    for (elsewhere, kind, words) in [
        (json!({"credentials": SECRET}), "DocumentInvalid", "refers to another secret"),
        (json!({"client_id": CLIENT_ID}), "DocumentInvalid", "genesys/credentials"),
    ] {
        let world = World::new().await;
        world.create("genesys/credentials", &elsewhere).await;
        let value = json!({"region": "mypurecloud.ie", "credentials": "genesys/credentials"});
        let (_, error_type, message) = failure_of(&world, &value.to_string()).await;
        assert_eq!(error_type, kind, "{message}");
        assert!(message.contains(words), "{message}");
    }
}

#[tokio::test]
async fn a_binary_secret_is_refused() {
    let world = World::new().await;
    let value = aws_sdk_secretsmanager::primitives::Blob::new(document().to_string());
    world.aws.create_secret().name(SECRET).secret_binary(value).send().await.expect("the secret is created");
    let (_, error_type, message) = failure(&world).await;
    assert_eq!(error_type, "DocumentInvalid");
    assert!(message.contains("binary"), "{message}");
}

#[tokio::test]
async fn an_event_that_cannot_be_used_says_why() {
    let world = World::with_secret().await;
    let version = version_id();
    let whole = json!({"Step": "createSecret", "SecretId": SECRET, "ClientRequestToken": version, "RotationToken": rotation_token()});
    let mut rows = vec![
        (json!(null), "not a JSON object"),
        (json!([]), "not a JSON object"),
        (json!("createSecret"), "not a JSON object"),
    ];
    for name in ["Step", "SecretId", "ClientRequestToken"] {
        let mut event = whole.clone();
        event.as_object_mut().expect("an object").remove(name);
        rows.push((event, name));
        let mut event = whole.clone();
        event[name] = json!(7);
        rows.push((event, "not a string"));
    }
    for (name, value, words) in [
        ("Step", "dropSecret".to_owned(), "dropSecret"),
        ("ClientRequestToken", "x".repeat(31), "32 to 64"),
        ("ClientRequestToken", "x".repeat(65), "32 to 64"),
    ] {
        let mut event = whole.clone();
        event[name] = json!(value);
        rows.push((event, words));
    }
    for (event, words) in rows {
        let (error_type, message) = world.invoke_with(event.clone()).await.expect_err("an invalid event");
        assert_eq!(error_type, "EventInvalid", "{event}");
        assert!(message.contains(words), "{event}: {message}");
    }
    world.assert_clean();
}

#[tokio::test]
async fn the_state_of_the_secret_is_looked_at_before_each_step() {
    let world = World::with_secret().await;
    world.rotate().await;
    let current = world.holder("AWSCURRENT").expect("a current version").id;
    let previous = world.holder("AWSPREVIOUS").expect("a previous version").id;
    for step in ["createSecret", "setSecret", "testSecret", "finishSecret"] {
        let expect = async |secret: &str, version: &str, kind: &str| {
            let (error_type, message) = world.invoke(step, secret, version).await.expect_err("it cannot be worked on");
            assert_eq!(error_type, kind, "{step}: {message}");
            message
        };
        expect(SECRET, &version_id(), "VersionNotStaged").await;
        expect(SECRET, &previous, "VersionNotStaged").await;
        let message = expect("no/such/secret", &version_id(), "SecretNotFound").await;
        assert!(message.contains("no/such/secret"), "{message}");
    }
    world.aws.cancel_rotate_secret().secret_id(SECRET).send().await.expect("rotation is off");
    for step in ["createSecret", "setSecret", "testSecret", "finishSecret"] {
        let (error_type, _) = world.invoke(step, SECRET, &current).await.expect_err("rotation is off");
        assert_eq!(error_type, "RotationDisabled", "{step}");
    }
    assert_eq!(world.simulation.genesys.minted(), 1);
}

#[tokio::test]
async fn a_pending_label_on_another_version_is_named() {
    let world = World::with_secret().await;
    world.simulation.genesys.set(|settings| settings.reject_new_tokens = true);
    let stuck = version_id();
    world.rotate_to(SECRET, &stuck).await;
    let (error_type, message) = world.invoke("createSecret", SECRET, &version_id()).await.expect_err("not staged");
    assert_eq!(error_type, "VersionNotStaged");
    assert!(message.contains(&stuck), "{message}");
}

#[tokio::test]
async fn a_secret_without_a_current_value_says_so() {
    let world = World::new().await;
    world.aws.create_secret().name(SECRET).send().await.expect("an empty secret");
    let (_, error_type, message) = failure(&world).await;
    assert_eq!(error_type, "NoCurrentVersion");
    assert!(message.contains("AWSCURRENT"), "{message}");
}

#[tokio::test]
async fn a_denied_call_names_the_permission_and_the_secret() {
    for action in ["DescribeSecret", "GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage"] {
        let world = World::with_secret().await;
        world.simulation.secrets_manager.set(|settings| settings.denied = [action.to_owned()].into());
        let arn = world.aws.list_secrets().send().await.expect("a list").secret_list()[0].arn().map(str::to_owned);
        let (_, error_type, message) = failure(&world).await;
        assert_eq!(error_type, "StoreDenied", "{message}");
        assert!(message.contains(&format!("secretsmanager:{action}")), "{message}");
        assert!(message.contains(&arn.expect("an ARN")), "{message}");
    }
}

#[tokio::test]
async fn each_rejection_of_the_platform_has_its_own_error() {
    let json = |status: u16, body: Value| {
        Effect::Answer(FaultAnswer::new(
            StatusCode::from_u16(status).expect("a status"),
            "application/json",
            body.to_string(),
        ))
    };
    let api = |status: u16, code: &str| {
        json(status, json!({"status": status, "code": code, "message": "no", "contextId": "c-1"}))
    };
    let redirect = || {
        Effect::Answer(
            FaultAnswer::new(StatusCode::FOUND, "text/plain", "").with_header("location", "https://evil.example/"),
        )
    };
    let huge = || Effect::Answer(FaultAnswer::new(StatusCode::OK, "application/json", "x".repeat(50_000_000)));
    let (token, users, tokens) = ("POST /oauth/token", "GET /api/v2/users/me", "GET /api/v2/tokens/me");
    let rows = vec![
        (
            token,
            json(400, json!({"error": "invalid_client", "description": "authentication failed"})),
            "CredentialsRejected",
            "invalid_client",
        ),
        (token, json(401, json!({"error": "invalid_client"})), "CredentialsRejected", "region"),
        (token, json(400, json!({"error": "unauthorized_client"})), "CredentialsRejected", "Client Credentials"),
        (token, api(401, "ip.not.authorized"), "IpNotAuthorized", "allow-list"),
        (token, api(403, "ip.not.authorized"), "IpNotAuthorized", "allow-list"),
        (users, api(403, "ip.not.authorized"), "IpNotAuthorized", "allow-list"),
        (token, redirect(), "PlatformUnavailable", "redirect"),
        (token, huge(), "PlatformUnavailable", "exceeds"),
        (users, api(401, "bad.credentials"), "TokenRejected", "bad.credentials"),
        (users, api(401, "ip.not.authorized"), "IpNotAuthorized", "allow-list"),
        (users, api(403, "not.authorized"), "PermissionMissing", "c-1"),
        (users, redirect(), "PlatformUnavailable", "redirect"),
        (users, huge(), "PlatformUnavailable", "exceeds"),
        (tokens, api(403, "not.authorized"), "PermissionMissing", "tokens/me"),
        (
            tokens,
            json(200, json!({"OAuthClient": {"id": "another-client"}})),
            "TokenOwnerMismatch",
            "another OAuth client",
        ),
    ];
    for (operation, effect, kind, words) in rows {
        let world = World::with_secret().await;
        world.simulation.faults.add(Fault::always(operation, effect));
        let (step, error_type, message) = failure(&world).await;
        let expected = if operation == token { "createSecret" } else { "testSecret" };
        assert_eq!((step.as_str(), error_type.as_str()), (expected, kind), "{operation}: {message}");
        assert!(message.contains(words), "{operation}: {message}");
    }
}

#[tokio::test]
async fn the_token_of_a_user_is_promoted_only_if_it_belongs_to_the_client() {
    let rows = [
        (json!({"OAuthClient": {"id": "another-client"}}), "TokenOwnerMismatch"),
        (json!({"OAuthClient": {"id": ""}}), "TokenOwnerMismatch"),
        (json!({"OAuthClient": {"name": "no id"}}), "PlatformUnavailable"),
        (json!({"OAuthClient": null}), "PlatformUnavailable"),
        (json!({"organization": {"id": "another-organization"}}), "PlatformUnavailable"),
        (json!({"OAuthClient": {"id": CLIENT_ID}}), ""),
    ];
    for (tokens_me, kind) in rows {
        let world = World::with_secret().await;
        for (operation, body) in [
            ("GET /api/v2/users/me", json!({"id": "a-user", "name": "A user"})),
            ("GET /api/v2/tokens/me", tokens_me.clone()),
        ] {
            let answer = FaultAnswer::new(StatusCode::OK, "application/json", body.to_string());
            world.simulation.faults.add(Fault::always(operation, Effect::Answer(answer)));
        }
        if kind.is_empty() {
            assert!(world.rotate().await.succeeded);
            continue;
        }
        let (step, error_type, message) = failure(&world).await;
        assert_eq!((step.as_str(), error_type.as_str()), ("testSecret", kind), "{tokens_me}: {message}");
    }
}

#[tokio::test]
async fn a_probe_that_fails_keeps_the_token_from_being_promoted() {
    let world = World::new().await;
    let probed = with("probes", json!(["GET /api/v2/routing/skills?pageSize=1"]));
    world.create_text(SECRET, &probed).await;
    let forbidden = json!({
        "status": 403, "code": "missing.permissions",
        "message": "Unable to perform the requested action. You are missing the following permission(s): routing:skill:view",
    });
    let forbid = FaultAnswer::new(StatusCode::FORBIDDEN, "application/json", forbidden.to_string());
    world.simulation.faults.add(Fault::once("GET /api/v2/routing/skills", Effect::Answer(forbid)));
    let (step, error_type, message) = failure(&world).await;
    assert_eq!((step.as_str(), error_type.as_str()), ("testSecret", "PermissionMissing"), "{message}");
    assert!(message.contains("routing:skill:view") && message.contains("role"), "{message}");
}

#[tokio::test]
async fn a_probe_of_something_that_is_not_there_fails_by_its_name() {
    let world = World::new().await;
    let probed = with("probes", json!(["GET /api/v2/no/such/thing"]));
    let (step, error_type, message) = failure_of(&world, &probed).await;
    assert_eq!((step.as_str(), error_type.as_str()), ("testSecret", "ProbeFailed"), "{message}");
    assert!(message.contains("GET /api/v2/no/such/thing"), "{message}");
}

#[tokio::test]
async fn a_platform_that_never_answers_ends_the_step_before_lambda_does() {
    for operation in ["POST /oauth/token", "GET /api/v2/users/me"] {
        let world = World::with_secret().await;
        world.simulation.secrets_manager.set(|settings| settings.function_timeout = Duration::from_secs(3));
        world.simulation.faults.add(Fault::always(operation, Effect::Hang));
        let (_, error_type, message) = failure(&world).await;
        assert_eq!(error_type, "DeadlineExceeded", "{message}");
    }
}

#[tokio::test]
async fn a_store_that_never_answers_the_put_leaves_no_token_behind() {
    for reads_hang_too in [false, true] {
        let world = World::with_secret().await;
        world.simulation.secrets_manager.set(|settings| settings.function_timeout = Duration::from_secs(8));
        world.simulation.faults.add(Fault::always("PutSecretValue", Effect::Hang));
        if reads_hang_too {
            // The two reads at the beginning pass.
            world.simulation.faults.add(Fault::always("GetSecretValue", Effect::Hang).after(2));
        }
        let (_, error_type, message) = failure(&world).await;
        assert_eq!(error_type, "DeadlineExceeded", "{message}");
        assert!(world.simulation.genesys.live_tokens().is_empty());
    }
}

#[tokio::test]
async fn credentials_are_never_sent_in_clear_to_another_machine() {
    for url in ["http://proxy.example", "ftp://127.0.0.1/", "not a url"] {
        let settings =
            SimulationSettings { secrets_manager: SecretsManagerSettings::default(), ..SimulationSettings::default() };
        let simulation = Simulation::start(settings).await.expect("the simulators start");
        let environment = vec![
            ("ROTATOR_LOGIN_URL".to_owned(), url.to_owned()),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER".to_owned(), simulation.secrets_manager_url()),
        ];
        let started = function::Function::start(LAMBDA, environment, function::FunctionSettings::default()).await;
        let function = started.expect("the function starts");
        let answer = function.invoke(json!({}), Duration::from_secs(5)).await;
        let error = answer.expect_err("no event is carried out");
        assert_eq!(error.error_type, "ConfigurationInvalid", "{error:?}");
        assert!(error.message.contains("ROTATOR_LOGIN_URL"), "{error:?}");
    }
}

/// Serves TLS with a certificate that nobody vouches for, and answers nothing.
async fn untrusted_server() -> (String, tokio::task::JoinHandle<()>) {
    use tokio_rustls::rustls::ServerConfig;
    use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
    let own =
        rcgen::generate_simple_self_signed(["127.0.0.1".to_owned(), "localhost".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(own.signing_key.serialize_der()));
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![own.cert.der().clone()], key);
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config.expect("a TLS configuration")));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("https://{}", listener.local_addr().expect("an address"));
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // The client breaks the handshake off: that is what is tested.
            acceptor.accept(stream).await.ok();
        }
    });
    (url, task)
}

#[tokio::test]
async fn a_certificate_that_does_not_verify_is_refused_at_once() {
    let world = World::with_secret().await;
    let (url, server) = untrusted_server().await;
    let environment = vec![
        ("ROTATOR_LOGIN_URL".to_owned(), url),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER".to_owned(), world.simulation.secrets_manager_url()),
    ];
    let function = function::Function::start(LAMBDA, environment, function::FunctionSettings::default()).await;
    world.simulation.secrets_manager.set_function(function.expect("the function starts"));
    let (_, error_type, message) = failure(&world).await;
    server.abort();
    assert_eq!(error_type, "PlatformUnavailable");
    assert!(message.contains("certificate"), "{message}");
}
