//! `rotates` and `used_by`: what a secret permits the documents of other secrets to do with its credentials.

use super::bad_input::failure;
use super::cxone::{KEY, back_end};
use super::in_memory::rotator;
use super::modes::{ADMIN, ADMIN_ID, ADMIN_SECRET, Mode, SECOND_ID, SECOND_SECRET};
use super::*;
use aws_sdk_secretsmanager::config::SharedCredentialsProvider;
use genesys_rotator::rotation::{Deadline, SecretId};
use genesys_rotator::store::aws::AwsSecretsManager;
use simulators::cxone::AccessKey;
use simulators::genesys::OAuthClient;

const LOGIN: &str = "POST /oauth/token";
const REGENERATE: &str = "POST /api/v2/oauth/clients/{id}/secret";
const CREATE: &str = "POST /access-key-management/v1/access-keys";
const DELETE: &str = "DELETE /access-key-management/v1/access-keys/{id}";
const CREDENTIALS: &str = "genesys/credentials";
const KEY_ADMIN: (&str, &str) = ("ADMINISTRATORSKEYID====", "HUSHHUSHADMINISTRATORS0123456789====");
const VICTIM: (&str, &str) = ("VICTIMSKEYID====", "HUSHHUSHVICTIMS0123456789====");

/// A world with two alternating clients and an admin, whose document has these further fields.
async fn alternating(fields: &Value) -> World {
    let world = World::new().await;
    for (id, secret) in [(SECOND_ID, SECOND_SECRET), (ADMIN_ID, ADMIN_SECRET)] {
        world.simulation.genesys.add_client(OAuthClient::new(id, secret));
    }
    let admin = json!({"region": "mypurecloud.ie", "client_id": ADMIN_ID, "client_secret": ADMIN_SECRET});
    world.create(ADMIN, &merged(admin, fields)).await;
    world.create(SECRET, &Mode::Alternating.document()).await;
    world
}

/// A world with a CXone access key and the admin of another user, whose document has these further fields. A third user
/// has a key as well.
async fn with_key_admin(fields: &Value) -> World {
    let world = World::new().await;
    for (user, key) in [("the-administrator", KEY_ADMIN), ("the-victim", VICTIM)] {
        let key = AccessKey { user_id: user.to_owned(), ..AccessKey::new(key.0, key.1) };
        world.simulation.cxone.add_access_key(key);
    }
    let admin = merged(back_end(), &json!({"access_key_id": KEY_ADMIN.0, "access_key_secret": KEY_ADMIN.1}));
    world.create(ADMIN, &merged(admin, fields)).await;
    world
}

fn merged(mut document: Value, fields: &Value) -> Value {
    document.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
    document
}

fn own_user(world: &World) -> String {
    let keys = world.simulation.cxone.access_keys();
    keys.into_iter().find(|key| key.id == KEY.0).expect("the key").user_id
}

async fn assert_invalid(world: &World, words: &[&str]) {
    let (step, error_type, message) = failure(world).await;
    assert_eq!((step.as_str(), error_type.as_str()), ("createSecret", "DocumentInvalid"), "{message}");
    for word in words {
        assert!(message.contains(word), "{word}: {message}");
    }
}

#[tokio::test]
async fn an_admin_without_rotates_regenerates_nothing() {
    let world = alternating(&json!({})).await;
    assert_invalid(&world, &[ADMIN, "rotates", CLIENT_ID, SECOND_ID, "admin_credentials"]).await;
    assert_eq!(world.simulation.journal.count(LOGIN), 0, "no credentials were sent");
    assert_eq!(world.simulation.journal.count(REGENERATE), 0);
}

#[tokio::test]
async fn an_admin_regenerates_only_the_clients_that_rotates_lists() {
    let upper = SECOND_ID.to_uppercase();
    for (list, missing) in [
        (json!([]), SECOND_ID),
        (json!(null), SECOND_ID),
        (json!([CLIENT_ID]), SECOND_ID),
        (json!([SECOND_ID]), CLIENT_ID),
        (json!([CLIENT_ID, upper]), SECOND_ID),
    ] {
        let world = alternating(&json!({"rotates": list})).await;
        assert_invalid(&world, &[ADMIN, "rotates", missing]).await;
        assert_eq!(world.simulation.journal.count(LOGIN), 0, "{list}: no credentials were sent");
    }
    let world = alternating(&json!({"rotates": ["another", SECOND_ID, CLIENT_ID]})).await;
    let outcome = world.rotate().await;
    assert!(outcome.succeeded, "{outcome:?}");
    assert_eq!(world.simulation.journal.count(REGENERATE), 1);
}

#[tokio::test]
async fn a_malformed_list_is_rejected_with_its_field() {
    for (field, list, words) in [
        ("rotates", json!(CLIENT_ID), "rotates is not a list of strings"),
        ("rotates", json!([CLIENT_ID, 7]), "rotates is not a list of strings"),
        ("rotates", json!({CLIENT_ID: true}), "rotates is not a list of strings"),
        (
            "rotates",
            json!([CLIENT_ID, format!("{SECOND_ID} ")]),
            "entry 2 of rotates has leading or trailing whitespace",
        ),
        ("rotates", json!(["*"]), "entry 1 of rotates is a pattern"),
        ("rotates", json!([CLIENT_ID, ""]), "entry 2 of rotates is empty"),
        ("used_by", json!("*"), "used_by is not a list of strings"),
        ("used_by", json!(["*/token"]), "entry 1 of used_by has a * that is not at its end"),
        ("used_by", json!([" genesys/token"]), "entry 1 of used_by has leading or trailing whitespace"),
    ] {
        let world = alternating(&merged(json!({"rotates": [CLIENT_ID, SECOND_ID]}), &json!({field: list}))).await;
        assert_invalid(&world, &[ADMIN, words]).await;
        assert_eq!(world.simulation.journal.count(LOGIN), 0, "{list}: no credentials were sent");
    }
}

#[tokio::test]
async fn credentials_are_sent_only_for_a_document_that_used_by_lists() {
    let arn = format!("arn:aws:secretsmanager:us-east-1:000000000000:secret:{SECRET}");
    for (list, is_permitted) in [
        (json!([]), false),
        (json!(["genesys/other"]), false),
        (json!(["Genesys/Token"]), false),
        (json!(["genesys/tokens*"]), false),
        // Every ARN starts with this prefix, and no name of this account does.
        (json!(["a*"]), false),
        (json!(["arn:aws:secretsmanager:us-east-1:000000000000:secret:genesys/tok"]), false),
        (json!(["genesys/other", SECRET]), true),
        (json!(["genesys/*"]), true),
        (json!(["*"]), true),
        (json!([arn]), true),
        (json!([format!("{arn}*")]), true),
        (json!(null), true),
    ] {
        let world = World::new().await;
        world.create(CREDENTIALS, &merged(document(), &json!({"used_by": list}))).await;
        world.create(SECRET, &json!({"credentials": CREDENTIALS})).await;
        if is_permitted {
            let outcome = world.rotate().await;
            assert!(outcome.succeeded, "{list}: {outcome:?}");
        } else {
            assert_invalid(&world, &[CREDENTIALS, "used_by", &format!("add \"{SECRET}\"")]).await;
            assert_eq!(world.simulation.journal.count(LOGIN), 0, "{list}: no credentials were sent");
        }
    }
}

#[tokio::test]
async fn used_by_of_an_admin_lists_the_documents_that_may_name_it() {
    let rotates = [CLIENT_ID, SECOND_ID];
    let world = alternating(&json!({"rotates": rotates, "used_by": ["genesys/other"]})).await;
    assert_invalid(&world, &[ADMIN, "used_by", "admin_credentials"]).await;
    assert_eq!(world.simulation.journal.count(LOGIN), 0, "no credentials were sent");
    let world = alternating(&json!({"rotates": rotates, "used_by": [SECRET]})).await;
    assert!(world.rotate().await.succeeded);
    // A copy of the document has another name.
    world.create("genesys/copy", &Mode::Alternating.document()).await;
    let outcome = world.rotate_to("genesys/copy", &version_id()).await;
    assert!(!outcome.succeeded && format!("{outcome:?}").contains("used_by"), "{outcome:?}");
}

#[tokio::test]
async fn an_admin_manages_only_the_access_keys_of_users_that_rotates_lists() {
    for (list, is_permitted) in
        [(json!(null), false), (json!([]), false), (json!(["the-victim"]), false), (json!("own"), true)]
    {
        let world = with_key_admin(&json!({})).await;
        let own = own_user(&world);
        let list = if is_permitted { json!(["the-victim", own]) } else { list };
        let admin = merged(
            back_end(),
            &json!({
                "access_key_id": KEY_ADMIN.0, "access_key_secret": KEY_ADMIN.1, "rotates": list,
            }),
        );
        put(&world, ADMIN, &admin).await;
        let document = merged(back_end(), &json!({"rotate": "client_secret", "admin_credentials": ADMIN}));
        world.create(SECRET, &document).await;
        if is_permitted {
            for _ in 0..3 {
                let outcome = world.rotate().await;
                assert!(outcome.succeeded, "{outcome:?}");
            }
            continue;
        }
        assert_invalid(&world, &[ADMIN, "rotates", &own]).await;
        let counts = [CREATE, DELETE].map(|operation| world.simulation.journal.count(operation));
        assert_eq!(counts, [0, 0], "{list}");
    }
}

#[tokio::test]
async fn the_key_of_another_user_is_not_deleted() {
    // The victim's key is listed as the key before the active one.
    let listed = |admin: Value| {
        let clients = json!([
            {"access_key_id": KEY.0, "access_key_secret": KEY.1},
            {"access_key_id": VICTIM.0, "access_key_secret": "unknown"},
        ]);
        merged(merged(back_end(), &json!({"rotate": "client_secret", "clients": clients})), &admin)
    };
    for admin in [json!({}), json!({"admin_credentials": ADMIN})] {
        let world = with_key_admin(&json!({})).await;
        let rotates =
            json!({"access_key_id": KEY_ADMIN.0, "access_key_secret": KEY_ADMIN.1, "rotates": [own_user(&world)]});
        put(&world, ADMIN, &merged(back_end(), &rotates)).await;
        world.create(SECRET, &listed(admin)).await;
        assert_invalid(&world, &["the-victim"]).await;
        let counts = [CREATE, DELETE].map(|operation| world.simulation.journal.count(operation));
        assert_eq!(counts, [0, 0]);
    }
}

async fn put(world: &World, name: &str, document: &Value) {
    let put = world.aws.put_secret_value().secret_id(name).secret_string(document.to_string());
    put.send().await.expect("the secret is stored");
}

#[tokio::test]
async fn a_temporary_token_needs_a_description_only_if_used_by_restricts_its_credentials() {
    for (fields, describes) in [(json!({}), 0), (json!({"used_by": [SECRET]}), 1)] {
        let world = World::new().await;
        world.create(CREDENTIALS, &merged(document(), &fields)).await;
        world.create(SECRET, &json!({"credentials": CREDENTIALS, "access_token": "dead"})).await;
        let credentials = Credentials::new("AKIDEXAMPLE", "example", None, None, "test");
        let config = aws_config::SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .endpoint_url(world.simulation.secrets_manager_url());
        let rotator = rotator(&world, AwsSecretsManager::new(&config.build()));
        let deadline = Deadline::after(Duration::from_secs(60));
        let current = rotator.current_token(&SecretId::new(SECRET), deadline).await.expect("a token");
        world.simulation.journal.clear();
        rotator.issue_spare(&current, deadline).await.expect("a temporary token");
        assert_eq!(world.simulation.journal.count("DescribeSecret"), describes, "{fields}");
    }
}
