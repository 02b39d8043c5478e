//! Properties of the platforms that no source decides: the rotation succeeds with each.

use super::bad_input::failure_of;
use super::cxone::{back_end, with};
use super::*;
use simulators::genesys::{ExpiresIn, GenesysSettings};

#[tokio::test]
async fn a_rotation_succeeds_whatever_is_not_known_about_the_platform() {
    let worlds: [fn(&mut GenesysSettings); 8] = [
        |settings| settings.expires_in = ExpiresIn::Text,
        |settings| settings.token_type = "Bearer".to_owned(),
        |settings| settings.correlation_headers.clear(),
        |settings| settings.correlation_headers = vec!["Genesys-Correlation-Id".to_owned()],
        |settings| settings.requests_per_minute = None,
        |settings| settings.delete_token_status = 204,
        |settings| settings.idle_timeout = Some(900),
        |settings| settings.inactivating_revokes_tokens = true,
    ];
    for (number, change) in worlds.into_iter().enumerate() {
        let world = World::new().await;
        world.simulation.genesys.set(change);
        world.create(SECRET, &document()).await;
        for _ in 0..2 {
            let outcome = world.rotate().await;
            assert!(outcome.succeeded, "{number}: {outcome:?}");
        }
        let token = world.current_token().expect("a token");
        assert!(world.simulation.genesys.live_tokens().contains(&token), "{number}");
        world.assert_clean();
    }
}

#[tokio::test]
async fn a_generated_token_with_and_without_its_lifetime_is_rotated() {
    for has_lifetime in [true, false] {
        let world = World::new().await;
        world.simulation.genesys.set(|settings| {
            (settings.unpublished_endpoints, settings.unpublished_expires_in) = (true, has_lifetime);
        });
        let mut generated = document();
        generated["token"] = json!("generated");
        generated["resource_owner"] = json!("service-account");
        world.create(SECRET, &generated).await;
        let outcome = world.rotate().await;
        assert!(outcome.succeeded, "{has_lifetime}: {outcome:?}");
        let token = world.current_token().expect("a token");
        assert_eq!(world.simulation.genesys.live_tokens(), [token], "{has_lifetime}");
    }
}

/// Where a tenant can be named, and whether it is.
fn tenants_named() -> impl Iterator<Item = (bool, bool, bool, bool)> {
    let either = [true, false];
    either.into_iter().flat_map(move |document| {
        let tokens = [(false, true), (false, false), (true, false)];
        let with = move |(opaque, access_token)| either.map(|id_token| (document, opaque, access_token, id_token));
        tokens.into_iter().flat_map(with)
    })
}

#[tokio::test]
async fn the_tenant_is_named_by_the_document_the_access_token_or_the_id_token() {
    for (in_document, opaque, in_access_token, in_id_token) in tenants_named() {
        let world = World::new().await;
        world.simulation.cxone.set(|settings| {
            (settings.opaque_tokens, settings.tenant_in_tokens, settings.id_tokens) =
                (opaque, in_access_token, in_id_token);
        });
        let tenant_id = world.simulation.cxone.settings().tenant_id;
        let document = if in_document { with(back_end(), "tenant_id", tenant_id.as_str()) } else { back_end() };
        let case = format!("{in_document} {opaque} {in_access_token} {in_id_token}");
        if in_document || in_access_token && !opaque || in_id_token {
            world.create(SECRET, &document).await;
            let outcome = world.rotate().await;
            assert!(outcome.succeeded, "{case}: {outcome:?}");
            let only_in_id_token = !in_document && (!in_access_token || opaque);
            let written = if only_in_id_token { json!(tenant_id) } else { Value::Null };
            assert_eq!(world.current()["token_tenant_id"], written, "{case}");
            world.assert_clean();
        } else {
            let (step, error_type, message) = failure_of(&world, &document.to_string()).await;
            assert_eq!((step.as_str(), error_type.as_str()), ("testSecret", "DocumentInvalid"), "{message}");
            assert!(message.contains("tenant_id"), "{message}");
        }
    }
}

#[tokio::test]
async fn another_tenant_after_an_edit_of_the_keys_replaces_the_token_s_tenant() {
    let world = World::new().await;
    world.simulation.cxone.set(|settings| settings.tenant_in_tokens = false);
    world.create(SECRET, &back_end()).await;
    assert!(world.rotate().await.succeeded);
    world.simulation.cxone.set(|settings| settings.tenant_id = "another-tenant".to_owned());
    assert!(world.rotate().await.succeeded);
    assert_eq!(world.current()["token_tenant_id"], "another-tenant");
    world.simulation.cxone.set(|settings| settings.tenant_in_tokens = true);
    assert!(world.rotate().await.succeeded);
    assert_eq!(world.current()["token_tenant_id"], Value::Null, "the token names it");
    world.assert_clean();
}
