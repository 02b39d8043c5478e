//! Faults that a function of the test chooses, through real HTTP.

use std::sync::Arc;
use std::time::Duration;

use simulators::faults::{Effect, Fault, Faults};
use simulators::genesys::{Genesys, GenesysSettings, OAuthClient};
use simulators::http::Server;
use simulators::journal::Journal;

const TOKEN: &str = "POST /oauth/token";

#[tokio::test]
async fn a_late_request_is_carried_out_after_its_connection_has_closed() -> std::io::Result<()> {
    let genesys = Arc::new(Genesys::new(GenesysSettings::default()));
    genesys.add_client(OAuthClient::new("pipeline", "s3cret"));
    let faults = Faults::default();
    faults.choose_with(|operation, headers| {
        let is_chosen = operation == TOKEN && headers.contains_key("authorization");
        is_chosen.then_some(Effect::Late(Duration::from_millis(50)))
    });
    faults.add(Fault::once(TOKEN, Effect::Drop));
    let server = Server::start(0, genesys.clone(), faults.clone(), Journal::default()).await?;
    let ask = || {
        let request = reqwest::Client::new().post(format!("{}/oauth/token", server.url()));
        request.basic_auth("pipeline", Some("s3cret")).form(&[("grant_type", "client_credentials")]).send()
    };
    assert!(ask().await.is_err(), "the rule applies first");
    assert!(ask().await.is_err());
    while genesys.minted() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let issued = genesys.issued_tokens();
    assert_eq!(
        (genesys.minted(), issued[0].client_id.as_str()),
        (1, "pipeline"),
        "the dropped request is not executed"
    );
    assert_eq!(genesys.owner_of(&issued[0].text).as_deref(), Some("pipeline"));
    assert!(genesys.accepts("pipeline", "s3cret") && !genesys.accepts("pipeline", "wrong"));
    faults.clear();
    assert!(ask().await.is_ok(), "no fault is left");
    Ok(())
}
