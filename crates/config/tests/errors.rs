//! Every mistake is named with its place and the way out.

mod common;

use common::{GOOD, problem, read};

/// A mistake below the good config: the text that is added, and what the error must say.
fn assert_problems(cases: &[(&str, &[&str])]) {
    let first = GOOD.lines().count() + 1;
    for (added, wanted) in cases {
        let message = problem(&format!("{GOOD}{added}"));
        for part in *wanted {
            let part = part.replace("LINE", &format!("msp/tallysheet.toml:{first}"));
            assert!(message.contains(&part), "{added}\nshould say: {part}\nsays: {message}");
        }
    }
}

#[test]
fn an_unknown_key_is_named_with_its_place_and_the_nearest_one() {
    assert_problems(&[
        ("[integration.other]\n", &["LINE:2: unknown key `integration`; did you mean `integrations`?"]),
        ("[deliver.a]\nkind='file'\npaht='x'\n", &[":13:1: [deliver.a] unknown key `paht`; did you mean `path`?"]),
        (
            "[deliver.a]\nkind='webhook'\nurl='https://x.example'\nboard='x'\n",
            &[":14:1: [deliver.a] unknown key `board`; "],
        ),
        (
            "[schedule.a]\ndaily={at='18:00'}\ndelivr=[]\n",
            &[":13:1: [schedule.a] unknown key `delivr`; did you mean `deliver`?"],
        ),
        ("[schedule.a]\ndaily={at='18:00',dy=1}\n", &[":12:19: [schedule.a.daily] unknown key `dy`"]),
    ]);
    let message = problem(
        "[run]\ntimezon = 'UTC'\n\n[integrations.acme-rmm]\nurl='https://x.example'\napi_kye='x'\nreqests_per_minute=1\n",
    );
    let lines: Vec<&str> = message.lines().collect();
    assert_eq!(
        lines,
        [
            "msp/tallysheet.toml:2:1: [run] unknown key `timezon`; did you mean `timezone`?",
            "msp/tallysheet.toml:4:15: [integrations.acme-rmm] the key `api_key` is missing (The API key)",
            "msp/tallysheet.toml:6:1: [integrations.acme-rmm] unknown key `api_kye`; did you mean `api_key`?",
            "msp/tallysheet.toml:7:1: [integrations.acme-rmm] unknown key `reqests_per_minute`; did you mean `requests_per_minute`?",
        ],
        "all are told at once, in the order of the file"
    );
}

#[test]
fn a_syntax_error_has_line_and_column_and_shows_no_text() {
    let message = problem("[run]\nstrict = true\napi_key = \"hunter2\n");
    assert!(message.starts_with("msp/tallysheet.toml:3:"), "{message}");
    assert!(!message.contains("hunter2"), "{message}");
    assert!(problem("[run]\n[run]\n").starts_with("msp/tallysheet.toml:2:"));
}

#[test]
fn a_missing_or_unknown_kind_says_what_there_is() {
    assert_problems(&[
        (
            "[integrations.acme-rm]\n",
            &["LINE:15: [integrations.acme-rm] there is no kind `acme-rm`; did you mean `acme-rmm`?"],
        ),
        ("[integrations.x]\nkind='acme-backup'\n", &[":12:1:", "this build does not have it (feature `acme-backup`)"]),
        (
            "[deliver.a]\npath='x'\n",
            &["LINE:10: [deliver.a] the key `kind` is missing; there is file, ticket, email, webhook"],
        ),
        ("[deliver.a]\nkind='mail'\n", &[":12:1: [deliver.a] there is no kind `mail`; did you mean `email`?"]),
    ]);
}

#[test]
fn a_missing_key_and_a_missing_url_are_told() {
    let message = problem("[integrations.acme-rmm]\napi_key = 'x'\n");
    assert_eq!(
        message,
        "msp/tallysheet.toml:1:15: [integrations.acme-rmm] the key `url` is missing (The vendor's address: scheme, host and path prefix)"
    );
    assert!(read("[integrations.acme-desk]\ntenant='a'\nclient_secret='b'\n").is_ok(), "it has an address of its own");
}

#[test]
fn a_wrong_type_says_what_is_wanted_without_the_value() {
    for (text, wanted) in [
        ("run = 1", ":1:1: `run` must be a table, but is a whole number"),
        ("[run]\nstrict = 'yes'", ":2:1: [run] `strict` must be true or false, but is a text in quotes"),
        ("[run]\ncarry = 'account'", ":2:1: [run] `carry` must be a list, but is a text in quotes"),
        ("[run]\ncarry = ['a', 2]", ":2:15: [run.carry] `1` must be a text in quotes, but is a whole number"),
        ("[integrations]\nacme-rmm = 'x'", ":2:1: [integrations] `acme-rmm` must be a table, but is a text in quotes"),
        (
            "[integrations.acme-rmm]\nurl='https://x'\napi_key=7",
            ":3:1: [integrations.acme-rmm] `api_key` is a secret: ",
        ),
        ("[integrations.acme-rmm]\nurl='https://x'\napi_key={vault='hunter2'}", "`api_key` is a secret: "),
        (
            "[integrations.acme-rmm]\nurl='https://x'\napi_key='x'\nmax_concurrency=0",
            ":4:1: [integrations.acme-rmm] `max_concurrency` must be at least 1",
        ),
        (
            "[integrations.acme-rmm]\nurl='https://x'\napi_key='x'\nrequests_per_minute=99999999999",
            ":4:1: [integrations.acme-rmm] `requests_per_minute`: ",
        ),
        (
            "[integrations.acme-rmm]\nurl='https://x'\napi_key='x'\nmode='all'",
            ":4:1: [integrations.acme-rmm] `mode` cannot be `all`; there is inventory, usage",
        ),
        (
            "[integrations.acme-rmm]\nurl='https://x'\napi_key='x'\nexclude=['']",
            ":4:10: [integrations.acme-rmm.exclude] `0` must not be empty",
        ),
    ] {
        let message = problem(text);
        assert!(message.contains(wanted) && !message.contains("hunter2"), "{text}\n{message}");
    }
}

#[test]
fn wrong_words_in_run_are_told() {
    for (text, wanted) in [
        (
            "[run]\nmatch = ['id', 'nam']",
            ":2:16: [run.match] `1` cannot be `nam`; did you mean `name`? there is id, psa-id, domain, name",
        ),
        ("[run]\nmatch = []", ":2:1: [run] `match` must not be empty"),
        ("[run]\nunmapped = 'row'", ":2:1: [run] `unmapped` cannot be `row`; did you mean `rows`?"),
        (
            "[run]\ntimezone = 'Europe/Belin'",
            ":2:1: [run] `timezone`: there is no time zone `Europe/Belin`; did you mean `Europe/Berlin`?",
        ),
        ("[run]\ntimeout = 'soon'", ":2:1: [run] `timeout`: `soon` is no duration; write one like 30m, 90s or 1h30m"),
        ("[run]\ntimeout = '-5m'", "`-5m` is no duration"),
        ("[run]\ntimeout = '0s'", "`0s` is no duration"),
        ("[run]\ncompanies = \"C:\\temp\\new.csv\"", ":2:1: [run] `companies` holds the control character `\\t`"),
        (
            "[run]\ndirectory = 'acme'",
            ":2:1: [run] `directory`: there is no section [integrations.acme]; with companies there is none",
        ),
        ("[run]\nenv_file = 'none.env'", "none.env: there is no such file"),
    ] {
        let message = problem(text);
        assert!(message.contains(wanted), "{text}\n{message}");
    }
}

#[test]
fn a_delivery_goes_to_an_integration_that_can() {
    assert_problems(&[
        (
            "[deliver.t]\nkind='ticket'\ncompany='MSP'\nto='acme-rmm'\n",
            &[":14:1: [deliver.t] `to`: the integration `acme-rmm` has no tickets;", "there is acme-desk"],
        ),
        (
            "[deliver.t]\nkind='ticket'\ncompany='MSP'\nto='acme-dsk'\n",
            &["there is no section [integrations.acme-dsk]; with tickets did you mean `acme-desk`?"],
        ),
        ("[deliver.t]\nkind='ticket'\nto='acme-desk'\n", &["LINE:10: [deliver.t] the key `company` is missing"]),
        (
            "[deliver.m]\nkind='email'\nvia='acme-rmm'\nrecipients='a@msp.example'\n",
            &[":13:1: [deliver.m] `via`: the integration `acme-rmm` has no mail"],
        ),
        (
            "[deliver.m]\nkind='email'\nvia='acme-desk'\nrecipients=' ; '\n",
            &[":14:1: [deliver.m] `recipients` must not be empty"],
        ),
        ("[deliver.m]\nkind='email'\nvia='acme-desk'\nrecipients=['billing']\n", &["`billing` is no mail address"]),
        ("[deliver.w]\nkind='webhook'\nurl='hooks.example'\n", &[":13:1: [deliver.w] `url` must begin with https://"]),
        (
            "[deliver.f]\nkind='file'\npath=\"a\\u0007b.csv\"\n",
            &[":13:1: [deliver.f] `path` holds the control character"],
        ),
        (
            "[deliver.f]\nkind='file'\npath='a.csv'\nformat='pdf'\n",
            &[":14:1: [deliver.f] `format` cannot be `pdf`; there is csv, json, xlsx, html, long"],
        ),
    ]);
    let disabled = "[integrations.acme-desk]\nenabled=false\ntenant='a'\nclient_secret='b'\n[deliver.m]\nkind='email'\nvia='acme-desk'\nrecipients='a@msp.example'\n";
    assert!(problem(disabled).contains("the integration `acme-desk` is not enabled"));
    assert!(read(&format!("{disabled}enabled=false\n")).is_ok(), "a disabled delivery asks nothing");
}

#[test]
fn a_directory_must_list_companies() {
    let text = GOOD.replace("directory = \"acme-desk\"", "directory = \"acme-rmm\"");
    let message = problem(&text);
    assert!(message.contains(":2:1: [run] `directory`: the integration `acme-rmm` has no companies"), "{message}");
}

#[test]
fn a_schedule_has_one_time_and_known_deliveries() {
    assert_problems(&[
        ("[schedule.a]\n", &["LINE:11: [schedule.a] wants one of `monthly`, `weekly`, `daily` and `cron`"]),
        ("[schedule.a]\ncron='0 6 1 * *'\ndaily={at='18:00'}\n", &["LINE:11: [schedule.a] wants one of"]),
        ("[schedule.a]\ncron='0 6 1'\n", &[":12:1: [schedule.a] a cron expression has five fields"]),
        (
            "[schedule.a]\ncron='0 6 32 * *'\n",
            &[":12:1: [schedule.a] `32` is no day of the month of a cron expression"],
        ),
        ("[schedule.a]\ncron='0 6 30 2 *'\n", &[":12:1: [schedule.a] this cron expression is never due"]),
        ("[schedule.a]\nmonthly={day=32,at='18:00'}\n", &[":12:10: [schedule.a] `monthly`: a day of the month is"]),
        (
            "[schedule.a]\nmonthly={day='lst',at='18:00'}\n",
            &["a day of the month is a number from 1 to 31, or \"last\""],
        ),
        ("[schedule.a]\nweekly={day='mo',at='18:00'}\n", &["`mo` is no day of the week"]),
        ("[schedule.a]\ndaily={at='25:00'}\n", &[":12:8: [schedule.a] `daily`: "]),
        ("[schedule.a]\ndaily={}\n", &[":12:1: [schedule.a.daily] the key `at` is missing"]),
        (
            "[schedule.a]\ndaily={at='18:00'}\ndeliver=['ticket']\n",
            &[":13:1: [schedule.a] there is no section [deliver.ticket]"],
        ),
    ]);
}

#[test]
fn the_service_is_strict() {
    let hash = "0".repeat(64);
    let token = |name: &str, sha256: &str| format!("{{name='{name}',sha256='{sha256}'}}");
    assert_problems(&[
        ("[serve]\nlisen='x'\n", &[":12:1: [serve] unknown key `lisen`; did you mean `listen`?"]),
        ("[serv]\n", &["LINE:2: unknown key `serv`; did you mean `serve`?"]),
        ("[serve]\nlisten='here'\n", &[":12:1: [serve] `listen`: "]),
        ("[serve]\nlisten='0.0.0.0:7878'\n", &[":12:1: [serve] `listen`: 0.0.0.0:7878 can be reached by others"]),
        (&format!("[serve]\ntokens=[{}]\n", token("a", "12")), &[":12:19: [serve] `sha256` is 64 hexadecimal digits"]),
        (
            &format!("[serve]\ntokens=[{},{}]\n", token("a", &hash), token("a", &hash)),
            &["[serve] two tokens are called `a`"],
        ),
        ("[serve]\ntokens=[{name='a',sha='x'}]\n", &["unknown key `sha`; did you mean `sha256`?"]),
    ]);
    let good = format!("{GOOD}[serve]\nlisten='0.0.0.0:1'\ntokens=[{}]\n", token("a", &hash));
    let serve = read(&good).unwrap().serve;
    assert_eq!((serve.listen.port(), serve.tokens[0].name.as_str()), (1, "a"));
    assert!(read(GOOD).unwrap().serve.listen.ip().is_loopback());
}

#[test]
fn alerts_are_strict() {
    assert_problems(&[
        ("[alert]\nemial={}\n", &[":12:1: [alert] unknown key `emial`; did you mean `email`?"]),
        ("[alert]\nwebhook={url='x'}\n", &[":12:10: [alert.webhook] `url` must begin with https://"]),
        ("[alert]\nticket={to='acme-desk',company='x',bord='y'}\n", &["unknown key `bord`; did you mean `board`?"]),
        ("[alert]\nticket={to='acme-desk',company='x',title='y'}\n", &["[alert.ticket] unknown key `title`"]),
        (
            "[alert]\nticket={to='acme-rmm',company='x'}\n",
            &["[alert.ticket] `to`: the integration `acme-rmm` has no tickets"],
        ),
        (
            "[alert]\nemail={via='post',recipients='a@b.example'}\n",
            &["[alert.email] `via`: there is no section [integrations.post]"],
        ),
        ("[alert]\nexpiry_days=-1\n", &["`expiry_days`"]),
    ]);
    let alert = read(&format!("{GOOD}[alert]\nheartbeat={{env='BEAT'}}\n")).unwrap().alert;
    assert!(alert.heartbeat.is_some() && alert.email.is_none() && alert.expiry_days == 14);
}

#[test]
fn titles_and_names_differ() {
    assert_problems(&[
        (
            "[integrations.west]\nkind='acme-rmm'\nurl='https://x'\napi_key='x'\n",
            &["LINE:15: [integrations.west] has the title `Acme`, and so has [integrations.acme-rmm]"],
        ),
        (
            "[integrations.acme_rmm]\nkind='acme-rmm'\ntitle='B'\nurl='https://x'\napi_key='x'\n",
            &["[integrations] the names `acme-rmm` and `acme_rmm` are too much alike"],
        ),
        (
            "[integrations.'a b']\nkind='acme-rmm'\ntitle='B'\nurl='https://x'\napi_key='x'\n",
            &["LINE:15: [integrations] the name `a b` may hold"],
        ),
        (
            "[integrations.domains]\nkind='acme-rmm'\ntitle='B'\nurl='https://x'\napi_key='x'\n",
            &["`domains` is that of a column"],
        ),
    ]);
    let west = "[integrations.west]\nenabled=false\nkind='acme-rmm'\nurl='https://x'\napi_key='x'\n";
    assert!(read(&format!("{GOOD}{west}")).is_ok(), "one that is disabled has no columns");
}

#[test]
fn metrics_and_addresses_are_checked() {
    for (line, wanted) in [
        (
            "metrics=['workstations','Server']",
            ":4:25: [integrations.acme-rmm] `metrics`: there is no `Server`; did you mean `Servers`? there is Workstations, Servers, Printers",
        ),
        ("timeout='x'", ":4:1: [integrations.acme-rmm] `timeout`: `x` is no duration"),
        ("url='ftp://x'", ":4:1: [integrations.acme-rmm] `url` must begin with https://"),
    ] {
        let url = if line.starts_with("url") { "" } else { "url='https://x'" };
        let message = problem(&format!("[integrations.acme-rmm]\napi_key='x'\n{url}\n{line}\n"));
        assert!(message.contains(wanted), "{line}\n{message}");
    }
}
