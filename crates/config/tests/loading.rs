//! What a good config becomes; the environment over the file; secrets; arbitrary text.

mod common;

use common::{GOOD, read, read_with, registry};
use jiff::civil::{Weekday, time};
use proptest::prelude::*;
use serde_json::json;
use std::path::Path;
use std::time::Duration;
use tallysheet_config::{
    Config, Daily, Fallback, Field, Format, MatchBy, MonthDay, Monthly, Reuse, To, Unmapped, Weekly, When,
};
use tallysheet_host::Environment;

#[test]
fn an_empty_config_has_the_defaults() {
    let run = read("").unwrap().run;
    assert_eq!(run.matching, [MatchBy::Id, MatchBy::PsaId, MatchBy::Domain, MatchBy::Name]);
    assert_eq!((run.companies, run.directory, run.env_file), (None, None, None));
    assert_eq!((run.unmapped, run.strict, run.notes), (Unmapped::Rows, false, true));
    assert_eq!(run.timeout, Duration::from_mins(30));
    assert_eq!(run.state, Path::new("msp/state"));
}

#[test]
fn every_key_of_run_is_read() {
    let run = read(
        "[run]\ncompanies='customers.csv'\nmatch=['id']\ncarry=['account']\ntimezone='America/New_York'\n\
         unmapped='omit'\nstrict=true\ntimeout='1h30m'\nstate='/var/lib/tallysheet'\nnotes=false\n",
    )
    .unwrap()
    .run;
    assert_eq!(run.companies.as_deref(), Some(Path::new("msp/customers.csv")));
    assert_eq!(run.matching, [MatchBy::Id]);
    assert_eq!(run.carry, ["account"]);
    assert_eq!(run.timezone.iana_name(), Some("America/New_York"));
    assert_eq!((run.unmapped, run.strict, run.notes), (Unmapped::Omit, true, false));
    assert_eq!(run.timeout, Duration::from_mins(90));
    assert_eq!(run.state, Path::new("/var/lib/tallysheet"));
}

#[test]
fn integrations_stand_in_the_order_of_columns() {
    let config = read(&format!(
        "{GOOD}[integrations.a-west]\nkind='acme-rmm'\ntitle='West'\nurl='https://west.example/rmm//'\napi_key='x'\n\
         enabled=false\ntimeout='90s'\nmax_concurrency=2\nrequests_per_minute=30\nexclude=['7', 8]\n\
         expect_account=12\nmetrics=['printers','WORKSTATIONS']\nmode='usage'\n"
    ))
    .unwrap();
    let names: Vec<&str> = config.integrations.iter().map(|integration| integration.name.as_str()).collect();
    assert_eq!(names, ["acme-desk", "a-west", "acme-rmm"]);

    let [_, west, rmm] = &config.integrations[..] else { panic!() };
    assert_eq!((west.kind.as_str(), west.title.as_str(), west.enabled), ("acme-rmm", "West", false));
    assert_eq!(west.url.as_deref(), Some("https://west.example/rmm"));
    assert_eq!(
        (west.timeout, west.max_concurrency, west.requests_per_minute),
        (Duration::from_secs(90), Some(2), Some(30))
    );
    assert_eq!(west.exclude, ["7", "8"]);
    assert_eq!(west.expect_account.as_deref(), Some("12"));
    assert_eq!(west.metrics.iter().map(|metric| metric.name).collect::<Vec<_>>(), ["Workstations", "Printers"]);
    assert_eq!(west.line, Some(11));
    assert_eq!(west.connect_settings(&config.environment).unwrap(), json!({ "api_key": "x", "mode": "usage" }));

    assert_eq!((rmm.title.as_str(), rmm.enabled, rmm.timeout), ("Acme", true, Duration::from_mins(30)));
    assert_eq!(rmm.metrics.iter().map(|metric| metric.name).collect::<Vec<_>>(), ["Workstations", "Servers"]);
    assert!(read(&GOOD.replace("api_key", "metrics = []\napi_key")).unwrap().integrations[1].metrics.is_empty());
}

#[test]
fn every_kind_of_delivery_is_read() {
    let config = read(&format!(
        "{GOOD}
[deliver.a]
kind = 'file'
path = 'reports/{{date}}.csv'
[deliver.b]
kind = 'ticket'
to = 'acme-desk'
company = 250
board = 'Service'
type = 7
fields = {{ details = \"one\\ntwo\", level = 3, billable = true }}
reuse = 'open'
[deliver.c]
kind = 'email'
via = 'acme-desk'
recipients = 'a@msp.example; b@msp.example,'
format = 'xlsx'
[deliver.d]
kind = 'webhook'
url = 'https://hooks.example/x'
secret = {{ env = 'HOOK' }}
headers = {{ X-Team = 'billing' }}
enabled = false
"
    ))
    .unwrap();
    let [file, ticket, email, webhook] = &config.deliveries[..] else { panic!() };

    assert_eq!((file.kind(), file.format, file.enabled), ("file", None, true));
    assert!(matches!(&file.to, To::File(file) if file.path == Path::new("msp/reports/{date}.csv")));

    let To::Ticket(ticket) = &ticket.to else { panic!() };
    assert_eq!((ticket.company.as_str(), ticket.title.as_str(), ticket.own), ("250", "Billing Reconciliation", false));
    assert_eq!((ticket.board.as_deref(), ticket.ticket_type.as_deref()), (Some("Service"), Some("7")));
    assert_eq!((ticket.reuse, ticket.fallback), (Reuse::Open, Fallback::Note));
    assert_eq!(ticket.fields["details"], Field::Text("one\ntwo".to_owned()));
    assert_eq!((&ticket.fields["level"], &ticket.fields["billable"]), (&Field::Number(3), &Field::Flag(true)));

    assert_eq!((email.kind(), email.format), ("email", Some(Format::Xlsx)));
    assert!(matches!(&email.to, To::Email(email) if email.recipients == ["a@msp.example", "b@msp.example"]));

    assert!(!webhook.enabled);
    let To::Webhook(webhook) = &webhook.to else { panic!() };
    let environment = Environment::from_iter([("HOOK", "s3cret")]);
    let secret = webhook.secret.as_ref().unwrap().resolve(&environment, &config.base_dir).unwrap();
    assert_eq!(secret.expose(), "s3cret");
    assert_eq!(webhook.headers["X-Team"].resolve(&environment, &config.base_dir).unwrap().expose(), "billing");
}

#[test]
fn every_form_of_a_schedule_is_read() {
    let config = read(
        "[deliver.a]\nkind='file'\npath='x.csv'\n[schedule.a]\nmonthly={day='last',at='18:00'}\ndeliver=['a']\n\
         [schedule.b]\nmonthly={day=31,at=06:30:00}\n[schedule.c]\nweekly={day='Monday',at='18:00'}\n\
         [schedule.d]\ndaily={at='00:05'}\n[schedule.e]\ncron='0 6 1 * *'\n",
    )
    .unwrap();
    let times: Vec<When> = config.schedules.iter().map(|schedule| schedule.when.clone()).collect();
    assert_eq!(
        times,
        [
            When::Monthly(Monthly { day: MonthDay::Last, at: time(18, 0, 0, 0) }),
            When::Monthly(Monthly { day: MonthDay::Day(31), at: time(6, 30, 0, 0) }),
            When::Weekly(Weekly { day: Weekday::Monday, at: time(18, 0, 0, 0) }),
            When::Daily(Daily { at: time(0, 5, 0, 0) }),
            When::Cron("0 6 1 * *".parse().unwrap()),
        ]
    );
    assert_eq!(config.schedules[0].deliver.as_deref(), Some(&["a".to_owned()][..]));
    assert_eq!(config.schedules[1].deliver, None);
}

#[test]
fn the_environment_replaces_keys_as_their_type_wants() {
    let config = read_with(
        GOOD,
        &[
            ("TALLYSHEET__RUN__TIMEZONE", "Europe/Paris"),
            ("TALLYSHEET__RUN__STRICT", "TRUE"),
            ("TALLYSHEET__RUN__MATCH", "id, psa-id"),
            ("tallysheet__integrations__acme_rmm__url", "https://proxy.example/rmm/"),
            ("TALLYSHEET__INTEGRATIONS__ACME_RMM__API_KEY", "0123456"),
            ("TALLYSHEET__INTEGRATIONS__ACME_RMM__MAX_OFFLINE_DAYS", "30"),
            ("TALLYSHEET__INTEGRATIONS__ACME_RMM__REGIONS", "eu,us"),
            ("TALLYSHEET__INTEGRATIONS__ACME_RMM__EXCLUDE", "17"),
            ("TALLYSHEET__INTEGRATIONS__ACME_DESK__ENABLED", "1"),
            ("TALLYSHEET_CONFIG", "elsewhere.toml"),
            ("OTHER__RUN__STRICT", "x"),
        ],
    )
    .unwrap();
    assert_eq!(config.run.timezone.iana_name(), Some("Europe/Paris"));
    assert!(config.run.strict);
    assert_eq!(config.run.matching, [MatchBy::Id, MatchBy::PsaId]);
    let rmm = &config.integrations[1];
    assert_eq!(rmm.url.as_deref(), Some("https://proxy.example/rmm"));
    assert_eq!(rmm.exclude, ["17"]);
    assert_eq!(
        rmm.connect_settings(&config.environment).unwrap(),
        json!({ "api_key": "0123456", "max_offline_days": 30, "regions": ["eu", "us"] }),
        "the key replaces the table in the file, and keeps its leading zero"
    );
}

#[test]
fn an_integration_can_stand_in_the_environment_alone() {
    let variables = [
        ("TALLYSHEET__INTEGRATIONS__ACME_DESK__TENANT", "msp"),
        ("TALLYSHEET__INTEGRATIONS__ACME_DESK__CLIENT_SECRET", "s"),
    ];
    let config = read_with("", &variables).unwrap();
    assert_eq!((config.integrations[0].name.as_str(), config.integrations[0].line), ("acme-desk", None));
    let kind = [("TALLYSHEET__INTEGRATIONS__X__KIND", "acme-desk")];
    let config = read_with("[integrations.x]\ntenant='a'\nclient_secret='b'\n", &kind).unwrap();
    assert_eq!(config.integrations[0].kind, "acme-desk");
}

#[test]
fn a_wrong_variable_is_named() {
    for (name, value, wanted) in [
        (
            "TALLYSHEET__RUN__TIMEZON",
            "UTC",
            "TALLYSHEET__RUN__TIMEZON: unknown key `timezon`; did you mean `timezone`? in [run]",
        ),
        ("TALLYSHEET__INTEGRATIONS__ACME_RMM__URI", "x", "did you mean `url`? in [integrations.acme-rmm]"),
        (
            "TALLYSHEET__INTEGRATIONS__PAX9__URL",
            "x",
            "unknown key `pax9`; known are acme-desk, acme-rmm in [integrations]",
        ),
        ("TALLYSHEET__INTEGRATIONS__ACME_RMM", "x", "this is a table"),
        (
            "TALLYSHEET__RUN__STRICT",
            "yes",
            "environment variable TALLYSHEET__RUN__STRICT: [run] `strict` must be true or false",
        ),
        (
            "TALLYSHEET__RUN__TIMEOUT",
            "soon",
            "environment variable TALLYSHEET__RUN__TIMEOUT: [run] `timeout`: `soon` is no duration",
        ),
        (
            "TALLYSHEET__INTEGRATIONS__ACME_RMM__MODE",
            "all",
            "ACME_RMM__MODE: [integrations.acme-rmm] `mode` cannot be `all`",
        ),
    ] {
        let message = read_with(GOOD, &[(name, value)]).err().unwrap_or_else(|| panic!("{name} is wrong"));
        assert!(message.contains(wanted), "{name}\n{message}");
    }
}

#[test]
fn secrets_are_resolved_when_the_integration_runs() {
    let config = read(GOOD).unwrap();
    let rmm = &config.integrations[1];
    let message = rmm.connect_settings(&config.environment).unwrap_err().to_string();
    assert_eq!(
        message,
        "msp/tallysheet.toml:6:1: [integrations.acme-rmm] `api_key`: the environment variable ACME_KEY is not set; set it, or \
         put it into the env file"
    );
    let set = Environment::from_iter([("ACME_KEY", "k1")]);
    assert_eq!(rmm.connect_settings(&set).unwrap(), json!({ "api_key": "k1" }));
    let optional = GOOD.replace("api_key =", "refresh_token = { env = 'ACME_KEY' }\napi_key =");
    let optional = read(&optional).unwrap();
    assert_eq!(
        optional.integrations[1].connect_settings(&set).unwrap(),
        json!({ "api_key": "k1", "refresh_token": "k1" })
    );
}

#[test]
fn the_files_beside_the_config_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tallysheet.toml");
    let utf16: Vec<u8> =
        format!("\u{feff}{}", GOOD.replace('\n', "\r\n")).encode_utf16().flat_map(u16::to_le_bytes).collect();
    std::fs::write(&path, utf16).unwrap();
    std::fs::write(folder.path().join(".env"), "ACME_KEY=from-file\nTALLYSHEET__RUN__STRICT=true\n").unwrap();
    std::fs::write(folder.path().join("other.env"), "ACME_KEY=from-other\n").unwrap();

    let load = |variables: &[(&str, &str)]| {
        let environment: Environment = variables.iter().copied().collect();
        Config::load(&path, &environment, &registry()).unwrap()
    };
    let key =
        |config: &Config| config.integrations[1].connect_settings(&config.environment).unwrap()["api_key"].clone();
    let config = load(&[]);
    assert_eq!(key(&config), "from-file");
    assert!(config.run.strict, "the env file may replace keys too");
    assert_eq!(key(&load(&[("TALLYSHEET__RUN__ENV_FILE", "other.env")])), "from-other");
    assert_eq!(key(&load(&[("ACME_KEY", "from-process")])), "from-process");
}

proptest! {
    #[test]
    fn no_text_panics(text in ".{0,200}") {
        let _ = read(&text);
    }

    #[test]
    fn no_toml_panics(
        lines in prop::collection::vec(("(run|integrations\\.acme-rmm|deliver\\.a|schedule\\.a|x)", "[a-z_]{1,9}|kind|url|match|daily|api_key",
            "1|-1|1e400|nan|true|'file'|'ticket'|'email'|\"\\\\t\"|\\[\\]|\\[1,'a'\\]|\\{\\}|\\{env='X'\\}|2020-01-01|18:00:00"), 0..8),
    ) {
        let text: Vec<String> = lines.iter().map(|(table, key, value)| format!("{table}.{key} = {value}")).collect();
        let _ = read(&text.join("\n"));
    }

    #[test]
    fn no_variable_panics(name in "(RUN|INTEGRATIONS|DELIVER)(__[A-Z_]{0,12}){0,3}", value in ".{0,9}") {
        let _ = read_with(GOOD, &[(&format!("TALLYSHEET__{name}"), &value)]);
    }
}
