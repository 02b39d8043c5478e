//! The environment of each page. A new page needs an entry in [`SETTINGS`].

/// The server besides the simulators.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// None.
    Simulators,
    /// OpenBao with an empty plugin directory.
    EngineToInstall,
    /// OpenBao with the engine at `genesys-cloud/`, a config `main`, a role `ci` and a static role `reports`.
    Engine,
}

/// The environment of a page.
pub struct Setting {
    /// The page.
    pub page: &'static str,
    /// The server.
    pub host: Host,
    /// Prerequisites that the page does not show: the prefix of a page's command, and the command to run before it.
    pub given: &'static [(&'static str, &'static str)],
    /// Prefixes of commands that are not run, with the reason. Each must match a command.
    pub elsewhere: &'static [(&'static str, &'static str)],
}

/// Creates a secret in Secrets Manager without a function.
const STORED: &str = "aws secretsmanager create-secret --name prod/genesys --secret-string file://genesys.json";
/// Attaches the function.
const ATTACHED: &str = "aws secretsmanager rotate-secret --secret-id prod/genesys \
     --rotation-lambda-arn arn:aws:lambda:eu-west-1:123456789012:function:genesys-rotator \
     --rotation-rules '{\"ScheduleExpression\": \"rate(4 hours)\"}'";
/// Waits for the end of the rotation.
const SETTLED: &str =
    "while aws secretsmanager describe-secret --secret-id prod/genesys | grep -q AWSPENDING; do sleep 0.1; done";
/// Leaves a rotation pending.
const STUCK: &str = "aws secretsmanager put-secret-value --secret-id prod/genesys --version-stages AWSPENDING \
     --secret-string '{\"region\": \"mypurecloud.ie\", \"client_id\": \"my-id\", \"client_secret\": \"was-wrong\"}'";

/// Stores the same secret in KV, and rotates it.
const IN_KV: &str = "bao kv put -mount=secret team/genesys @genesys.json";
const ROTATED_IN_KV: &str = "genesys-rotator rotate vault:secret/team/genesys";
/// Writes a config with a single client, and one whose client may edit others.
const ONE_CLIENT: &str =
    "bao write genesys-cloud/config/main region=mypurecloud.ie client_id=my-id client_secret=- < client-secret";
const ADMIN: &str = "printf admin-secret | bao write genesys-cloud/config/admin region=mypurecloud.ie client_id=admin-id client_secret=-";
/// The secret of a deployment, without a value.
const DEPLOYED: &str = "aws secretsmanager create-secret --name genesys/token";
const DEPLOYED_AND_ATTACHED: &str = "aws secretsmanager rotate-secret --secret-id genesys/token \
     --rotation-lambda-arn arn:aws:lambda:eu-west-1:123456789012:function:genesys-rotator \
     --rotation-rules '{\"ScheduleExpression\": \"rate(4 hours)\"}'";
/// A secret that existed before the deployment.
const OF_ANOTHER_NAME: &str =
    "aws secretsmanager create-secret --name genesys/reports --secret-string file://genesys.json";

/// Every page with commands.
pub const SETTINGS: &[Setting] = &[
    Setting { page: "README.md", host: Host::EngineToInstall, given: &[], elsewhere: &[] },
    Setting {
        page: "docs/aws.md",
        host: Host::Simulators,
        given: &[
            ("aws secretsmanager put-secret-value", DEPLOYED),
            ("aws secretsmanager rotate-secret", OF_ANOTHER_NAME),
            ("aws secretsmanager cancel-rotate-secret", DEPLOYED_AND_ATTACHED),
        ],
        elsewhere: &[
            ("make package", "takes half an hour and needs cross-compilation tools"),
            ("cd infra/aws", "the next commands need the start directory"),
        ],
    },
    Setting {
        page: "docs/break-glass.md",
        host: Host::Engine,
        given: &[(
            "bao write genesys-cloud/revoke/",
            "bao read -field=access_token genesys-cloud/creds/ci > leaked-token",
        )],
        elsewhere: &[("genesys-rotator rotate --all --rotation-function", "a real account")],
    },
    Setting {
        page: "docs/command-line.md",
        host: Host::Simulators,
        given: &[("", STORED), ("", ATTACHED), ("", SETTLED)],
        elsewhere: &[],
    },
    Setting { page: "docs/documents.md", host: Host::Simulators, given: &[], elsewhere: &[] },
    Setting { page: "docs/fidelity.md", host: Host::Simulators, given: &[], elsewhere: &[] },
    Setting { page: "docs/kv.md", host: Host::EngineToInstall, given: &[], elsewhere: &[] },
    Setting {
        page: "docs/packages.md",
        host: Host::EngineToInstall,
        given: &[],
        elsewhere: &[
            ("make package", "takes half an hour and needs cross-compilation tools"),
            ("sha256sum -c", "a release"),
            ("cd dist", "a release"),
            ("tar -xzf", "a release"),
            ("bao plugin register -sha256=\"$(cut", "a release"),
            ("genesys-rotator completions bash > /etc", "changes the host"),
        ],
    },
    Setting {
        page: "docs/pipelines.md",
        host: Host::Engine,
        given: &[("", STORED), ("", ATTACHED), ("", SETTLED), ("", IN_KV), ("", ROTATED_IN_KV)],
        elsewhere: &[("genesys-rotator exec prod/genesys --minimum-life 1h -- terraform", "a real account")],
    },
    Setting {
        page: "docs/runbook.md",
        host: Host::Engine,
        given: &[("", STORED), ("", ATTACHED), ("", SETTLED), ("pending=", STUCK)],
        elsewhere: &[],
    },
    Setting {
        page: "docs/session.md",
        host: Host::Simulators,
        // The page starts a rotation just before this command.
        given: &[("genesys-rotator rotate prod/genesys", SETTLED)],
        elsewhere: &[],
    },
    Setting {
        page: "docs/upgrading.md",
        host: Host::Engine,
        given: &[("", STORED), ("", ATTACHED), ("", SETTLED)],
        elsewhere: &[],
    },
    Setting {
        page: "docs/vault-openbao.md",
        host: Host::EngineToInstall,
        given: &[
            ("bao write genesys-cloud/config/main idle_client_id", ONE_CLIENT),
            ("bao write genesys-cloud/config/admin rotates", ADMIN),
        ],
        elsewhere: &[],
    },
    Setting {
        page: "infra/terraform/README.md",
        host: Host::Simulators,
        given: &[("aws secretsmanager", DEPLOYED)],
        elsewhere: &[],
    },
    Setting {
        page: "infra/vault/README.md",
        host: Host::EngineToInstall,
        given: &[],
        elsewhere: &[("bao login", "interactive"), ("bao write auth/kubernetes/config", "a cluster")],
    },
];

/// Prefixes of commands that are not run on any page, with the reason.
pub const ELSEWHERE: &[(&str, &str)] = &[
    ("aws cloudformation", "a real account"),
    ("aws cloudwatch", "a real account"),
    ("aws iam", "a real account"),
    ("aws lambda", "a real account"),
    ("aws logs", "a real account"),
    ("aws s3", "a real account"),
    ("aws serverlessrepo", "a real account"),
    ("aws ssm", "a real account"),
    ("aws sts", "a real account"),
    ("sam ", "a real account"),
    ("terraform ", "a real account"),
    ("tofu ", "a real account"),
    ("kubectl ", "a cluster"),
    ("helm ", "a cluster"),
    ("docker ", "a container engine"),
    ("podman ", "a container engine"),
    ("gh ", "an account at GitHub"),
    ("git ", "changes the clone"),
    ("cosign ", "a release's signature"),
    ("sudo ", "changes the host"),
    ("apt", "changes the host"),
    ("systemctl ", "changes the host"),
    ("vault ", "HashiCorp Vault is not tested"),
];
