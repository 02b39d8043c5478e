//! The idle timeout of tokens in the Genesys Cloud simulator, through real HTTP.

use std::time::Duration;

use serde_json::{Value, json};
use simulators::genesys::{GenesysSettings, OAuthClient};

use super::genesys::{Organization, Test, refused};

#[tokio::test]
async fn an_unused_token_expires_after_the_idle_timeout() -> Test {
    let settings = GenesysSettings { idle_timeout: Some(900), ..GenesysSettings::default() };
    let organization = Organization::start(settings).await?;
    organization.genesys.add_client(OAuthClient::new("idle", "x"));
    let token = organization.token("idle", "x").await?;
    let alive = async |path: &str| organization.get(path, &token).await.map(|answer| answer.status() == 200);
    for (path, restarts) in [
        ("/api/v2/routing/queues", true),
        ("/api/v2/tokens/me", true),
        ("/api/v2/tokens/me?preserveIdleTTL=true", false),
    ] {
        organization.genesys.advance(Duration::from_secs(600));
        assert!(alive(path).await?, "{path}");
        organization.genesys.advance(Duration::from_secs(600));
        assert_eq!(alive("/api/v2/tokens/me").await?, restarts, "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn tokens_of_clients_may_be_exempt_from_the_idle_timeout() -> Test {
    let settings =
        GenesysSettings { idle_timeout: Some(900), idle_timeout_exempts_clients: true, ..GenesysSettings::default() };
    let organization = Organization::start(settings).await?;
    organization.genesys.add_client(OAuthClient { user: true, ..OAuthClient::new("ada", "x") });
    let (exempt, user) = (organization.token("pipeline", "s3cret").await?, organization.token("ada", "x").await?);
    let info = async |token| organization.get("/api/v2/tokens/me", token).await?.json::<Value>().await;
    assert_eq!(info(&exempt).await?["dateTokenIdles"], Value::Null);
    assert!(info(&user).await?["dateTokenIdles"].is_string());
    organization.genesys.advance(Duration::from_secs(900));
    assert_eq!(organization.genesys.live_tokens(), [exempt]);
    Ok(())
}

#[tokio::test]
async fn the_idle_timeout_of_the_organization_may_need_a_permission() -> Test {
    let settings = GenesysSettings { idle_timeout: Some(900), ..GenesysSettings::default() };
    let organization = Organization::start(settings).await?;
    let everyday = OAuthClient { permissions: Some(Vec::new()), ..OAuthClient::new("everyday", "x") };
    organization.genesys.add_client(everyday);
    let token = organization.token("everyday", "x").await?;
    let read = async || organization.get("/api/v2/tokens/timeout", &token).await;
    let shown = json!({"idleTokenTimeoutSeconds": 900, "enableIdleTokenTimeout": true});
    assert_eq!(read().await?.json::<Value>().await?, shown);
    organization.genesys.set(|settings| settings.idle_timeout = None);
    assert_eq!(read().await?.json::<Value>().await?["enableIdleTokenTimeout"], false);
    organization.genesys.set(|settings| settings.idle_timeout_needs_permission = true);
    assert_eq!(Organization::refusal(read().await?).await?, refused(403, "missing.permissions"));
    Ok(())
}
