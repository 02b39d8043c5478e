//! What the operators of a cluster call: OpenBao with the engine and the roles of docs/kubernetes.md, and the token reviews
//! of a Kubernetes API.

use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use simulators::Simulation;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::kubernetes_files::page_commands;
use super::{configured, output};
use crate::bao::{Bao, program};

pub struct Cluster {
    pub bao: Bao,
    pub simulation: Simulation,
}

impl Cluster {
    /// OpenBao with a config of the engine, after the commands by which docs/kubernetes.md sets it up; `None` where it is
    /// not installed.
    pub async fn start() -> Option<Self> {
        let (bao, simulation) = configured().await?;
        let ca = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate").cert.pem();
        let reviews = token_reviews().await;
        // In a cluster, the server has its own certificate and token.
        let outside = ["disable_local_ca_jwt=true", "token_reviewer_jwt=a.b.c", &format!("kubernetes_ca_cert={ca}")];
        for command in page_commands().iter().take_while(|command| !command.contains("rotate-role/")) {
            let command = command.replace("https://kubernetes.default.svc", &reviews);
            let mut words: Vec<_> = command.split_whitespace().collect();
            if words.contains(&"auth/kubernetes/config") {
                words.extend(outside);
            }
            if words[0] == "bao" {
                let mut process = Command::new(program()?);
                process.args(&words[1..]).env("BAO_ADDR", &bao.url).env("BAO_TOKEN", &bao.root);
                let output = output(process).await;
                assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
            }
        }
        Some(Self { bao, simulation })
    }

    /// Logs in as the Go clients of the operators do, and returns OpenBao's token.
    pub async fn log_in(&self, role: &str, jwt: &str) -> String {
        let (status, answer) = self.try_log_in(role, jwt).await;
        assert_eq!(status, 200, "{answer}");
        answer["auth"]["client_token"].as_str().expect("a token").to_owned()
    }

    pub async fn try_log_in(&self, role: &str, jwt: &str) -> (u16, Value) {
        self.bao.call_as("", "PUT", "auth/kubernetes/login", json!({"jwt": jwt, "role": role})).await
    }

    /// Reads with a login of `genesys-reader`, and returns the data.
    pub async fn read(&self, login: &str, path: &str) -> Value {
        let (status, answer) = self.bao.call_as(login, "GET", path, Value::Null).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer["data"].clone()
    }

    /// Whether the platform accepts a token.
    pub fn accepts(&self, token: &Value) -> bool {
        self.simulation.genesys.live_tokens().iter().any(|live| *token == json!(live))
    }
}

/// The token that the cluster issues for a service account of the namespace `ci`.
pub fn service_account_token(account: &str, audience: &str) -> String {
    service_account_token_in("ci", account, audience)
}

/// The token that the cluster issues for a service account.
pub fn service_account_token_in(namespace: &str, account: &str, audience: &str) -> String {
    let claims = json!({
        "iss": "https://kubernetes.default.svc.cluster.local", "aud": [audience], "iat": 1, "nbf": 1, "exp": 4_102_444_800_u64,
        "sub": format!("system:serviceaccount:{namespace}:{account}"),
        "kubernetes.io": {"namespace": namespace, "serviceaccount": {"name": account, "uid": "u"}},
    });
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    [part(r#"{"alg":"RS256","typ":"JWT"}"#), part(&claims.to_string()), part("signature")].join(".")
}

/// The login of the service account that a manifest names: `audiences` is the field next to its name.
pub fn token_of(reference: &Value) -> String {
    let audience = reference["audiences"][0].as_str().expect("an audience");
    service_account_token(reference["name"].as_str().expect("a name"), audience)
}

/// Starts a Kubernetes API that reviews tokens; returns its URL.
async fn token_reviews() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(review(stream));
        }
    });
    url
}

/// Answers one review: a token is valid for the audiences that it names.
async fn review(mut stream: TcpStream) {
    let mut request = Vec::new();
    let body = loop {
        let Ok(1..) = stream.read_buf(&mut request).await else { return };
        let text = String::from_utf8_lossy(&request).into_owned();
        let Some((_, body)) = text.split_once("\r\n\r\n") else { continue };
        if let Ok(body) = serde_json::from_str::<Value>(body) {
            break body;
        }
    };
    let claims = claims(&body["spec"]["token"]);
    let wanted = body["spec"]["audiences"].as_array().cloned().unwrap_or_default();
    let audiences: Vec<_> = wanted
        .into_iter()
        .filter(|audience| claims["aud"].as_array().is_some_and(|own| own.contains(audience)))
        .collect();
    let status = json!({"authenticated": !audiences.is_empty(), "audiences": audiences,
        "user": {"username": claims["sub"], "uid": "u", "groups": []}});
    let answer = json!({"kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1", "status": status}).to_string();
    let head = "HTTP/1.1 201 Created\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length:";
    stream.write_all(format!("{head} {}\r\n\r\n{answer}", answer.len()).as_bytes()).await.ok();
}

fn claims(token: &Value) -> Value {
    let part = token.as_str().and_then(|token| token.split('.').nth(1)).unwrap_or_default();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap_or_default()).unwrap_or_default()
}
