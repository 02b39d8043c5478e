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
    /// Checks that the page does not show: the prefix of a page's command, and the command to run after it.
    pub after: &'static [(&'static str, &'static str)],
    /// Prefixes of commands that are not run, with the reason. Each must match a command.
    pub elsewhere: &'static [(&'static str, &'static str)],
}

/// Creates a secret in Secrets Manager without a function.
const STORED: &str = "aws secretsmanager create-secret --name genesys/prod --secret-string file://genesys.json";
/// Attaches the function.
const ATTACHED: &str = "aws secretsmanager rotate-secret --secret-id genesys/prod \
     --rotation-lambda-arn arn:aws:lambda:eu-west-1:123456789012:function:genesys-rotator \
     --rotation-rules '{\"ScheduleExpression\": \"rate(4 hours)\"}'";
/// Waits for the end of the rotation.
const SETTLED: &str =
    "while aws secretsmanager describe-secret --secret-id genesys/prod | grep -q AWSPENDING; do sleep 0.1; done";
/// Leaves a rotation pending.
const STUCK: &str = "aws secretsmanager put-secret-value --secret-id genesys/prod --version-stages AWSPENDING \
     --secret-string '{\"region\": \"mypurecloud.ie\", \"client_id\": \"my-id\", \"client_secret\": \"was-wrong\"}'";

/// Cancels the rotation.
const CANCELLED: &str = "aws secretsmanager cancel-rotate-secret --secret-id genesys/prod";
/// Checks that no version is pending.
const COMPLETE: &str = "[ -z \"$(aws secretsmanager list-secret-version-ids --secret-id genesys/prod --output text \
     --query 'Versions[?VersionStages == `[\"AWSPENDING\"]`].VersionId')\" ]";

/// Stores the same secret in KV, and rotates it.
const IN_KV: &str = "bao kv put -mount=secret team/genesys @genesys.json";
const ROTATED_IN_KV: &str = "genesys-rotator rotate vault:secret/team/genesys";
/// Writes a config with a single client, and one whose client may edit others.
const ONE_CLIENT: &str =
    "bao write genesys-cloud/config/main region=mypurecloud.ie client_id=my-id client_secret=- < client-secret";
const ADMIN: &str = "printf admin-secret | bao write genesys-cloud/config/admin region=mypurecloud.ie client_id=admin-id client_secret=-";
/// The secret of a deployment, without a value.
const DEPLOYED: &str = "aws secretsmanager create-secret --name genesys/prod";
const DEPLOYED_BESIDE: &str = "aws secretsmanager create-secret --name genesys/sales";
const DEPLOYED_AND_ATTACHED: &str = "aws secretsmanager rotate-secret --secret-id genesys/prod \
     --rotation-lambda-arn arn:aws:lambda:eu-west-1:123456789012:function:genesys-rotator \
     --rotation-rules '{\"ScheduleExpression\": \"rate(4 hours)\"}'";
/// A secret that existed before the deployment.
const OF_ANOTHER_NAME: &str =
    "aws secretsmanager create-secret --name genesys/reports --secret-string file://genesys.json";

/// `alive URL FILE…` and `dead URL FILE…` try leaked tokens, and fail otherwise. The engine uses the platform at `$ENGINE`.
const TRY: &str = r#"ENGINE=$ROTATOR_API_URL
answers() {
  expected=$1 url=$2 && shift 2
  for leaked in "$@"; do
    status=$(printf 'header = "Authorization: Bearer %s"' "$(cat "$leaked")" |
        curl -sS -K - -o /dev/null -w '%{http_code}' "$url/api/v2/tokens/me")
    [ "$status" = "$expected" ] || { echo "$leaked: $status"; return 1; }
  done
}
alive() { answers 200 "$@"; }
dead() { answers 401 "$@"; }"#;
/// Before the procedures of break-glass.md: the attacker has a token.
const LEAKED: &[(&str, &str)] = &[
    ("", TRY),
    (
        "genesys-rotator revoke --token - --region",
        "genesys-rotator rotate file:genesys.json && genesys-rotator token file:genesys.json > leaked-token && \
         alive $ENGINE leaked-token",
    ),
    (
        "genesys-rotator rotate --local --all --tag team=contact --revoke-previous",
        "genesys-rotator token genesys/reports > reports-1 && genesys-rotator rotate --local genesys/reports && \
         genesys-rotator token genesys/reports > reports-2 && genesys-rotator token genesys/routing > routing-1 && \
         alive $ROTATOR_API_URL reports-1 reports-2 routing-1",
    ),
    (
        "genesys-rotator rotate file:reports.json",
        "genesys-rotator rotate file:reports.json && genesys-rotator token file:reports.json > file-1 && \
         alive $ROTATOR_API_URL file-1",
    ),
    (
        "bao write genesys-cloud/revoke/",
        "bao read -field=access_token genesys-cloud/creds/ci > leaked-token && alive $ENGINE leaked-token",
    ),
    (
        "bao write genesys-cloud/rotate-role/",
        "bao read -field=access_token genesys-cloud/static-creds/reports > static-1 && \
         bao read -field=access_token genesys-cloud/token/ci > shared-1 && \
         bao read -field=access_token genesys-cloud/creds/ci > leased-1 && alive $ENGINE static-1 shared-1 leased-1",
    ),
    // Who has the client secret issues tokens that no store holds.
    (
        "genesys-rotator rotate file:alternating.json",
        "curl -sS -u my-id:my-secret -d grant_type=client_credentials $ROTATOR_LOGIN_URL/oauth/token | \
         sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/' > leaked-token && alive $ROTATOR_API_URL leaked-token",
    ),
];
/// After them, the token is dead.
const ENDED: &[(&str, &str)] = &[
    ("genesys-rotator revoke --token - --region", "dead $ENGINE leaked-token"),
    (
        "genesys-rotator rotate --local --all --tag team=contact --revoke-previous",
        "dead $ROTATOR_API_URL reports-1 reports-2 routing-1",
    ),
    ("genesys-rotator rotate file:reports.json", "dead $ROTATOR_API_URL file-1"),
    ("bao write genesys-cloud/revoke/", "dead $ENGINE leaked-token"),
    ("bao write genesys-cloud/rotate-role/", "dead $ENGINE static-1"),
    ("bao write -f genesys-cloud/rotate-token/", "dead $ENGINE shared-1"),
    ("bao lease revoke", "dead $ENGINE leased-1"),
    ("genesys-rotator check file:alternating.json", "alive $ROTATOR_API_URL leaked-token"),
    ("genesys-rotator revoke --client my-id --admin file:admin.json --yes", "dead $ROTATOR_API_URL leaked-token"),
    ("genesys-rotator revoke --client my-id --admin file:admin.json --enable", "dead $ROTATOR_API_URL leaked-token"),
];

/// Secrets in two accounts, in KV and in a folder, each rotated once.
const FLEET: &[(&str, &str)] = &[
    ("", "mkdir -p ~/.aws tokens"),
    (
        "",
        "for profile in prod test; do printf '[profile %s]\\nregion = eu-west-1\\naws_access_key_id = AKIDEXAMPLE\\n\
         aws_secret_access_key = simulated\\n' $profile; done > ~/.aws/config",
    ),
    ("", "aws secretsmanager create-secret --name genesys/ci --secret-string file://genesys.json"),
    (
        "",
        "aws secretsmanager create-secret --name ci --secret-string file://genesys.json --tags Key=team,Value=contact-centre",
    ),
    (
        "",
        "for name in genesys/ci ci; do aws secretsmanager rotate-secret --secret-id $name \
         --rotation-lambda-arn arn:aws:lambda:eu-west-1:123456789012:function:genesys-rotator \
         --rotation-rules '{\"ScheduleExpression\": \"rate(4 hours)\"}'; done",
    ),
    ("", "while aws secretsmanager list-secret-version-ids --secret-id ci | grep -q AWSPENDING; do sleep 0.1; done"),
    ("", "bao kv put -mount=secret genesys/ci @genesys.json"),
    ("", "cp genesys.json tokens/ci.json && chmod 600 tokens/ci.json"),
    ("", "genesys-rotator rotate vault:secret/genesys/ci file:tokens/ci.json"),
];

/// Every page with commands.
pub const SETTINGS: &[Setting] = &[
    Setting {
        page: "docs/idle-time-outs.md",
        host: Host::Engine,
        given: &[
            ("genesys-rotator check genesys/prod", STORED),
            ("genesys-rotator rotate --keep-alive genesys/prod", "genesys-rotator rotate --local genesys/prod"),
        ],
        after: &[],
        elsewhere: &[],
    },
    Setting {
        page: "docs/serve.md",
        host: Host::Simulators,
        given: &[
            ("", "cp genesys.json token.json && chmod 600 token.json"),
            ("", "genesys-rotator rotate file:token.json"),
        ],
        after: &[],
        elsewhere: &[],
    },
    Setting { page: "docs/fleets.md", host: Host::EngineToInstall, given: FLEET, after: &[], elsewhere: &[] },
    Setting {
        page: "README.md",
        host: Host::EngineToInstall,
        given: &[(
            "infra/vault/register.sh",
            "install -m 0755 target/release/vault-plugin-secrets-genesys /etc/openbao/plugins/",
        )],
        after: &[],
        elsewhere: &[("make function && (cd infra/aws", "a real account")],
    },
    Setting {
        page: "docs/aws.md",
        host: Host::Simulators,
        given: &[
            ("aws secretsmanager put-secret-value", DEPLOYED),
            ("aws secretsmanager put-secret-value --secret-id genesys/sales", DEPLOYED_BESIDE),
            ("aws secretsmanager rotate-secret", OF_ANOTHER_NAME),
            ("aws secretsmanager cancel-rotate-secret", DEPLOYED_AND_ATTACHED),
        ],
        after: &[],
        elsewhere: &[("(cd infra/aws", "a real account")],
    },
    Setting {
        page: "docs/break-glass.md",
        host: Host::Engine,
        given: LEAKED,
        after: ENDED,
        elsewhere: &[("genesys-rotator rotate --all --rotation-function", "a real account")],
    },
    Setting {
        page: "docs/command-line.md",
        host: Host::Simulators,
        given: &[("", STORED), ("", ATTACHED), ("", SETTLED)],
        after: &[],
        elsewhere: &[],
    },
    Setting {
        page: "docs/monitoring.md",
        host: Host::Simulators,
        given: &[("", STORED), ("", ATTACHED), ("", SETTLED)],
        after: &[],
        elsewhere: &[],
    },
    Setting { page: "docs/documents.md", host: Host::Simulators, given: &[], after: &[], elsewhere: &[] },
    Setting { page: "docs/fidelity.md", host: Host::Simulators, given: &[], after: &[], elsewhere: &[] },
    Setting {
        page: "docs/scale.md",
        host: Host::Simulators,
        given: &[],
        after: &[],
        elsewhere: &[
            ("genesys-rotator rotate --local --all --prefix team-a/", "a fleet"),
            ("genesys-rotator status --prefix team-a/", "a fleet"),
        ],
    },
    Setting {
        page: "docs/kubernetes.md",
        host: Host::Engine,
        given: &[
            ("", TRY),
            // The page writes the roles that it needs.
            ("", "bao delete genesys-cloud/roles/ci && bao delete genesys-cloud/static-roles/reports"),
            (
                "bao write -f genesys-cloud/rotate-role/",
                "bao read -field=access_token genesys-cloud/static-creds/ci > leaked-token && alive $ENGINE leaked-token",
            ),
        ],
        after: &[
            (
                "bao write genesys-cloud/static-roles/ci",
                "bao read -field=access_token genesys-cloud/token/ci >shared-token",
            ),
            ("bao write -f genesys-cloud/rotate-role/", "alive $ENGINE leaked-token"),
            ("bao write genesys-cloud/revoke/", "dead $ENGINE leaked-token"),
        ],
        elsewhere: &[("bao write auth/kubernetes/config", "a cluster")],
    },
    Setting { page: "docs/kv.md", host: Host::EngineToInstall, given: &[], after: &[], elsewhere: &[] },
    Setting {
        page: "docs/onboarding.md",
        host: Host::Simulators,
        given: &[],
        after: &[],
        elsewhere: &[("genesys-rotator init team.json", "asks on a terminal")],
    },
    Setting {
        page: "docs/packages.md",
        host: Host::EngineToInstall,
        given: &[],
        after: &[],
        elsewhere: &[
            ("make package", "takes an hour and needs cross-compilation tools"),
            ("brew ", "changes the host"),
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
        after: &[],
        elsewhere: &[("genesys-rotator exec genesys/prod --minimum-life 1h -- terraform", "a real account")],
    },
    Setting {
        page: "docs/runbook.md",
        host: Host::Engine,
        given: &[
            ("", STORED),
            ("", ATTACHED),
            ("", SETTLED),
            ("genesys-rotator rotate --local --even-if-disabled", CANCELLED),
            ("genesys-rotator rotate --local --even-if-disabled", STUCK),
            ("genesys-rotator rotate --local genesys/prod", SETTLED),
            ("genesys-rotator rotate --local genesys/prod", STUCK),
            ("pending=", STUCK),
        ],
        after: &[
            ("genesys-rotator rotate --local --even-if-disabled", COMPLETE),
            ("genesys-rotator rotate --local genesys/prod", COMPLETE),
            ("[ -z \"$pending\" ]", COMPLETE),
        ],
        elsewhere: &[],
    },
    Setting {
        page: "docs/session.md",
        host: Host::Simulators,
        // The page starts a rotation just before this command.
        given: &[("genesys-rotator rotate genesys/prod", SETTLED)],
        after: &[],
        elsewhere: &[],
    },
    Setting {
        page: "docs/upgrading.md",
        host: Host::Engine,
        given: &[("", STORED), ("", ATTACHED), ("", SETTLED)],
        after: &[],
        elsewhere: &[("make upgrades", "builds the programs of an earlier release")],
    },
    Setting {
        page: "docs/vault-openbao.md",
        host: Host::EngineToInstall,
        given: &[
            ("bao write genesys-cloud/config/main idle_client_id", ONE_CLIENT),
            ("bao write genesys-cloud/config/admin rotates", ADMIN),
        ],
        after: &[],
        elsewhere: &[],
    },
    Setting { page: "infra/systemd/README.md", host: Host::Simulators, given: &[], after: &[], elsewhere: &[] },
    Setting {
        page: "infra/terraform/README.md",
        host: Host::Simulators,
        given: &[("aws secretsmanager", DEPLOYED)],
        after: &[],
        elsewhere: &[],
    },
    Setting {
        page: "infra/vault/README.md",
        host: Host::EngineToInstall,
        given: &[],
        after: &[],
        elsewhere: &[("bao login", "interactive")],
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
