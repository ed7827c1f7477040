//! What later runs make of earlier ones: drops that are hard to believe, changes, history, ages.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use jiff::Timestamp;
use jiff::civil::date;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tallysheet_core::guard::Guard;
use tallysheet_core::merge::{KeyedCompany, Options};
use tallysheet_core::month::{Month, Rule, report};
use tallysheet_core::run::{Run, RunStatus};
use tallysheet_core::{
    Code, Company, CountSource, Counts, Error, ErrorKind, Link, Metric, MetricDef, OrgCounts, Outcome, Result,
    VendorOrg, async_trait,
};
use tallysheet_engine::{
    Companies, Deliver, Delivery, Keep, Plan, Receipt, Report, Rules, Silent, Source, Undelivered, run,
};
use tallysheet_matching::Rule as Way;
use tallysheet_report::{Format, render, summary, summary_html};
use tallysheet_store::{Sqlite, Store};
use tallysheet_testkit::TestWorld;

static DEVICES: MetricDef = MetricDef::number("Devices", "devices");
static USERS: MetricDef = MetricDef::number("Users", "users");

const DAY: Duration = Duration::from_hours(24);

/// What a vendor answers today: org id, name, devices, users. `None` is a failure.
type Answer = Option<Vec<(&'static str, &'static str, i64, Option<i64>)>>;

#[derive(Clone, Default)]
struct Vendor(Arc<Mutex<Answer>>);

impl Vendor {
    fn says(&self, orgs: &[(&'static str, &'static str, i64, Option<i64>)]) {
        *self.0.lock().unwrap() = Some(orgs.to_vec());
    }

    fn fails(&self) {
        *self.0.lock().unwrap() = None;
    }
}

#[async_trait]
impl CountSource for Vendor {
    async fn counts(&self) -> Result<Counts> {
        let Some(orgs) = self.0.lock().unwrap().clone() else {
            return Err(Error::new(ErrorKind::Unavailable, "as told"));
        };
        let org = |(id, name, devices, users): (&str, &str, i64, Option<i64>)| {
            let users = Outcome::number_or_missing(users.map(Into::into), "users");
            let values =
                vec![(Metric::Fixed(&DEVICES), Outcome::Number(devices.into())), (Metric::Fixed(&USERS), users)];
            OrgCounts::new(VendorOrg::new(id, name), values)
        };
        Ok(Counts { orgs: orgs.into_iter().map(org).collect(), ..Counts::default() })
    }
}

/// An MSP over many days.
struct Msp {
    world: TestWorld,
    store: Arc<Sqlite>,
    vendors: BTreeMap<&'static str, Vendor>,
    companies: Option<Vec<KeyedCompany>>,
    schedule: Option<&'static str>,
    keep: Keep,
    strict: bool,
}

impl Msp {
    fn new(names: &[&'static str]) -> Self {
        Self {
            world: TestWorld::new(),
            store: Arc::new(Sqlite::in_memory().unwrap()),
            vendors: names.iter().map(|name| (*name, Vendor::default())).collect(),
            companies: None,
            schedule: None,
            keep: Keep::default(),
            strict: false,
        }
    }

    fn plan(&self) -> Plan {
        let source = |(name, vendor): (&&str, &Vendor)| {
            Source::new(name, &name.to_uppercase(), vec![&DEVICES, &USERS], Arc::new(vendor.clone()))
        };
        let rules = Rules { allowed: Way::ALL.to_vec(), psa_columns: BTreeMap::new() };
        Plan {
            sources: self.vendors.iter().map(source).collect(),
            companies: match self.companies.clone() {
                Some(companies) => Companies::Listed { companies, rules },
                None => Companies::FromNames,
            },
            directory: None,
            reconciling: None,
            names: Vec::new(),
            options: Options { notes: true, unmapped_rows: true, ..Options::default() },
            schedule: self.schedule.map(str::to_owned),
            guard: Guard::default(),
            keep: self.keep,
            strict: self.strict,
            deliveries: Vec::new(),
            skipped: Vec::new(),
            timezone: TimeZone::UTC,
            notices: Vec::new(),
            world: Arc::new(self.world.clone()),
            store: self.store.clone(),
        }
    }

    /// A run, and a day later.
    async fn run(&self) -> Run {
        let run = run(self.plan(), &Silent).await;
        self.world.advance(DAY);
        run
    }
}

fn listed(name: &str, link: Link) -> KeyedCompany {
    let company =
        Company { name: name.into(), links: BTreeMap::from([("rmm".to_owned(), link)]), ..Company::default() };
    KeyedCompany { key: name.into(), company }
}

fn warnings(run: &Run) -> Vec<&str> {
    let implausible = run.log.iter().filter(|entry| entry.notice.code == Some(Code::Implausible));
    implausible.map(|entry| entry.notice.message.as_str()).collect()
}

#[tokio::test]
async fn a_fall_is_shown_beside_the_last_good_count_until_it_is_accepted() {
    let msp = Msp::new(&["rmm"]);
    let rmm = &msp.vendors["rmm"];
    let says = |devices| rmm.says(&[("1", "Birch Dental", devices, Some(2)), ("2", "Quarry", 7, Some(1))]);
    says(14);
    let first = msp.run().await;
    assert_eq!((first.exit_status, first.changes.is_none()), (0, true), "the first run is quiet");
    assert_eq!(msp.run().await.exit_status, 0);

    says(0);
    let fallen = msp.run().await;
    assert_eq!((fallen.status, fallen.exit_status), (RunStatus::Partial, 3));
    let birch = &fallen.sheet.rows[0];
    assert_eq!(birch.cells[0].number(), Some(0.into()), "the number is what was counted");
    assert_eq!((birch.flags[&0].last, birch.flags[&0].date), (14.into(), date(2026, 11, 2)));
    assert_eq!(birch.notes, "RMM: Devices implausible: 0, was 14 on 2026-11-02");
    assert_eq!(warnings(&fallen), ["Birch Dental: RMM: hard to believe: Devices 0, was 14 on 2026-11-02"]);
    let told = summary(&fallen);
    assert!(told.contains("RMM: implausible (1 row)") && !told.contains("Birch"), "{told}");
    let json = String::from_utf8(render(&fallen, Format::Json).unwrap()).unwrap();
    assert!(
        json.contains(r#""flags":{"RMM: Devices":{"code":"implausible","last":14,"date":"2026-11-02"}}"#),
        "{json}"
    );

    let again = msp.run().await;
    assert_eq!(again.sheet.rows[0].flags[&0].date, date(2026, 11, 2), "it does not become the last good one by itself");
    assert_eq!(msp.store.accept(&again.id, None).await.unwrap().unwrap().len(), 1);
    assert_eq!(msp.run().await.exit_status, 0);
    says(4);
    assert_eq!(msp.run().await.exit_status, 0);
    says(0);
    assert_eq!(msp.run().await.exit_status, 3, "accepted was that fall, and no other");
    assert_eq!(msp.store.run(&fallen.id).await.unwrap().unwrap(), fallen, "and a kept run stays as it was");
}

#[tokio::test]
async fn strict_holds_an_implausible_report_back() {
    let msp = Msp { strict: true, ..Msp::new(&["rmm"]) };
    msp.vendors["rmm"].says(&[("1", "Birch Dental", 14, Some(2))]);
    msp.run().await;
    msp.vendors["rmm"].says(&[("1", "Birch Dental", 1, Some(2))]);
    let fallen = msp.run().await;
    assert_eq!(fallen.exit_status, 3);
    assert!(fallen.log.iter().any(|entry| entry.notice.message.contains("`strict`")));
}

#[tokio::test]
async fn what_failed_is_compared_with_nothing() {
    let msp = Msp::new(&["duo", "rmm"]);
    msp.vendors["duo"].says(&[("1", "Birch Dental", 3, Some(9))]);
    msp.vendors["rmm"].says(&[("1", "Birch Dental", 14, Some(30))]);
    msp.run().await;
    // One integration as a whole, one value of the other.
    msp.vendors["duo"].fails();
    msp.vendors["rmm"].says(&[("1", "Birch Dental", 14, None)]);
    let failed = msp.run().await;
    assert_eq!((failed.exit_status, warnings(&failed).len()), (3, 0));
    let changes = failed.changes.unwrap();
    assert!(changes.counts.is_empty() && changes.totals.is_empty() && changes.gone.is_empty(), "{changes:?}");
    // The failure is no last good count either.
    msp.vendors["duo"].says(&[("1", "Birch Dental", 3, Some(1))]);
    msp.vendors["rmm"].says(&[("1", "Birch Dental", 14, Some(0))]);
    let fallen = msp.run().await;
    let birch = &fallen.sheet.rows[0];
    assert_eq!(birch.flags.keys().copied().collect::<Vec<_>>(), [1, 3]);
    assert_eq!(birch.flags[&3].date, date(2026, 11, 1), "of the day on which it was counted");
    let since = fallen.changes.unwrap();
    assert_eq!(since.date, date(2026, 11, 1), "a complete run before a partial one");
    let told: Vec<_> = since.counts.iter().map(|change| (change.column.as_str(), change.difference())).collect();
    assert_eq!(told, [("RMM: Users", Some((-30).into())), ("DUO: Users", Some((-8).into()))]);
}

#[tokio::test]
async fn a_company_without_anything_is_told_unless_the_user_says_so() {
    let mut msp = Msp::new(&["rmm"]);
    let id = |id: &str| Link::Ids(vec![id.to_owned()]);
    let by_name =
        |name: &str| KeyedCompany { company: Company { name: name.into(), ..Company::default() }, key: name.into() };
    msp.companies = Some(vec![by_name("Birch Dental"), by_name("Quarry"), by_name("Tern"), listed("Umber", id("4"))]);
    let all = [
        ("1", "Birch Dental", 9, Some(1)),
        ("2", "Quarry", 9, Some(1)),
        ("3", "Tern", 9, Some(1)),
        ("4", "Umber", 9, Some(1)),
    ];
    msp.vendors["rmm"].says(&all);
    assert_eq!(msp.run().await.exit_status, 0);
    msp.vendors["rmm"].says(&all[3..]);
    msp.companies = Some(vec![by_name("Birch Dental"), listed("Quarry", Link::NotCustomer), listed("Umber", id("4"))]);
    let gone = msp.run().await;
    assert_eq!(gone.exit_status, 3);
    assert_eq!(
        gone.sheet.rows[0].notes,
        "RMM: Devices implausible: none, was 9 on 2026-11-01; RMM: Users implausible: none, was 1 on 2026-11-01"
    );
    assert_eq!(
        warnings(&gone).len(),
        1,
        "`-` is the user's word, and so is a row that is taken out: {:?}",
        warnings(&gone)
    );
    assert_eq!(gone.changes.as_ref().unwrap().gone, ["Tern"]);
    // The id that the vendor does not list any more is a failure of its own.
    msp.vendors["rmm"].says(&[("9", "Other", 1, Some(1))]);
    let unknown = msp.run().await;
    let umber = unknown.sheet.rows.iter().find(|row| row.company == "Umber").unwrap();
    assert!(umber.flags.is_empty() && umber.notes == "RMM failed: unknown-org", "{}", umber.notes);
}

#[tokio::test]
async fn a_company_that_is_spelled_otherwise_keeps_its_key() {
    let msp = Msp::new(&["rmm"]);
    msp.vendors["rmm"].says(&[("1", "Birch Dental", 9, Some(3))]);
    let first = msp.run().await;
    msp.vendors["rmm"].says(&[("1", "BIRCH DENTAL, Ltd.", 10, Some(3))]);
    let renamed = msp.run().await;
    assert_eq!(renamed.sheet.rows[0].key, first.sheet.rows[0].key);
    assert_eq!(renamed.exit_status, 0);
    let changes = renamed.changes.unwrap();
    assert!(changes.new.is_empty() && changes.gone.is_empty());
    assert_eq!((changes.counts[0].company.as_str(), changes.counts[0].now), ("BIRCH DENTAL, Ltd.", Some(10.into())));
    let kept = msp.store.counts(Timestamp::MIN, Timestamp::MAX).await.unwrap();
    assert_eq!(kept.series.len(), 2, "one company, two columns");
}

#[tokio::test]
async fn far_fewer_orgs_are_implausible_as_a_whole() {
    const NAMES: [&str; 12] =
        ["Ash", "Birch", "Cedar", "Dogwood", "Elm", "Fir", "Gum", "Hazel", "Ilex", "Juniper", "Kauri", "Larch"];
    let msp = Msp::new(&["rmm"]);
    // Each so small that its going raises no alarm of its own.
    let orgs: Vec<_> = NAMES.iter().map(|name| (*name, *name, 1, Some(1))).collect();
    msp.vendors["rmm"].says(&orgs);
    msp.run().await;
    msp.vendors["rmm"].says(&orgs[..7]);
    let fewer = msp.run().await;
    assert_eq!(
        (fewer.exit_status, warnings(&fewer)),
        (3, vec!["RMM lists 7 orgs; the last good number is 12, of 2026-11-01"])
    );
    assert!(summary(&fewer).contains("RMM: implausible\n"), "{}", summary(&fewer));
    msp.store.accept(&fewer.id, None).await.unwrap();
    assert_eq!(msp.run().await.exit_status, 0);
}

#[tokio::test]
async fn changes_are_those_since_the_last_run_of_the_schedule() {
    let mut msp = Msp::new(&["rmm"]);
    for (schedule, devices, since) in [
        (Some("month-end"), 10, None),
        (Some("daily"), 11, Some(10)),
        (Some("daily"), 12, Some(11)),
        (Some("month-end"), 13, Some(10)),
        (None, 14, Some(13)),
    ] {
        msp.schedule = schedule;
        msp.vendors["rmm"].says(&[("1", "Birch Dental", devices, Some(3))]);
        let run = msp.run().await;
        let last = run.changes.as_ref().and_then(|changes| changes.counts[0].last);
        assert_eq!(last, since.map(i64::into), "{schedule:?} {devices}");
        let (text, html) = (summary(&run), summary_html(&run).unwrap());
        assert!(!text.contains("Birch") && !html.contains("Birch"));
        if devices == 13 {
            assert!(text.contains("Since 2026-11-01: 0 companies are new, 0 are gone, 1 count changed\n  RMM: Devices: 13, was 10 (+3)"), "{text}");
            assert!(html.contains("Since 2026-11-01") && html.contains("+3"), "{html}");
            let page = String::from_utf8(render(&run, Format::Html).unwrap()).unwrap();
            assert!(page.contains("<h2>Changes</h2>") && page.contains("<td class=\"num\">+3</td>"), "{page}");
        }
    }
}

#[tokio::test]
async fn a_run_of_some_integrations_says_nothing_of_the_others() {
    let mut msp = Msp::new(&["duo", "rmm"]);
    for vendor in msp.vendors.values() {
        vendor.says(&[("1", "Birch Dental", 9, Some(3)), ("2", "Quarry", 9, Some(3))]);
    }
    msp.run().await;
    let rmm = msp.vendors.remove("rmm").unwrap();
    let alone = msp.run().await;
    assert_eq!((alone.exit_status, alone.changes), (0, None), "no run over the same integrations");
    msp.vendors.insert("rmm", rmm);
    assert_eq!(msp.run().await.changes.unwrap().date, date(2026, 11, 1));
    let kept = msp.store.counts(Timestamp::MIN, Timestamp::MAX).await.unwrap();
    assert_eq!(kept.days_of("rmm", &TimeZone::UTC), [date(2026, 11, 1), date(2026, 11, 3)].into());
    assert_eq!(kept.days_of("duo", &TimeZone::UTC).len(), 3);
}

#[tokio::test]
async fn a_month_ends_where_the_user_lives() {
    let msp = Msp::new(&["rmm"]);
    // From 06:00 UTC on 1 November to 03:00 UTC on 1 December, which is 30 November in New York.
    let mut devices = 0;
    for hours in [0, 24 * 28, 24 + 21, 2] {
        msp.world.advance(Duration::from_hours(hours));
        devices += 10;
        msp.vendors["rmm"].says(&[("1", "Birch Dental", devices, Some(3))]);
        run(msp.plan(), &Silent).await;
    }
    // The same day once more, and the integration fails.
    msp.vendors["rmm"].fails();
    run(msp.plan(), &Silent).await;
    let kept = msp.store.counts(Timestamp::MIN, Timestamp::MAX).await.unwrap();
    let month = Month::of(date(2026, 11, 1), date(2026, 12, 31)).unwrap();
    let figure = |zone: &str, rule| {
        let rules = BTreeMap::from([("rmm".to_owned(), rule)]);
        let report = report(&kept, &rules, month, &TimeZone::get(zone).unwrap());
        let line = report.lines.into_iter().find(|line| line.place.column.metric == "Devices").unwrap();
        (line.figure.value.unwrap().to_string(), line.figure.days, line.figure.remarks.len())
    };
    assert_eq!(figure("UTC", Rule::Last), ("20".into(), 2, 1), "3:00 on 1 December is another month");
    assert_eq!(figure("America/New_York", Rule::Last), ("30".into(), 3, 0), "5:00 UTC is midnight: 1 December there");
    let los_angeles = ("40".into(), 2, 0);
    assert_eq!(
        figure("America/Los_Angeles", Rule::Last),
        los_angeles,
        "the first run was in October, the last on the 30th"
    );
    assert_eq!(figure("America/New_York", Rule::Average), ("20".into(), 3, 1));
    assert_eq!(figure("America/Los_Angeles", Rule::Peak), ("40".into(), 2, 1));
}

#[tokio::test]
async fn what_is_too_old_is_deleted_after_a_run() {
    let mut msp = Msp::new(&["rmm"]);
    msp.keep = Keep { runs: Some(DAY * 3), counts: Some(DAY * 6) };
    msp.vendors["rmm"].says(&[("1", "Birch Dental", 9, Some(3))]);
    for _ in 0..12 {
        msp.run().await;
    }
    let heads = msp.store.runs(99).await.unwrap();
    let kept = msp.store.counts(Timestamp::MIN, Timestamp::MAX).await.unwrap();
    assert_eq!((heads.len(), kept.snapshots.len()), (4, 7));
    assert_eq!(kept.by_day(&TimeZone::UTC)[0].days.len(), 7, "the count is known though its first run is gone");
}

/// Stops the run in the middle of its delivery.
struct Crash;

#[async_trait]
impl Deliver for Crash {
    async fn deliver(&self, _: &Report<'_>) -> Result<Receipt, Undelivered> {
        std::future::pending().await
    }

    async fn check(&self) -> Result<()> {
        Ok(())
    }

    fn brings_messages(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn counts_are_kept_before_anything_is_delivered() {
    let msp = Msp::new(&["rmm"]);
    msp.vendors["rmm"].says(&[("1", "Birch Dental", 9, Some(3))]);
    let mut plan = msp.plan();
    let to: Box<dyn Deliver> = Box::new(Crash);
    plan.deliveries = vec![Delivery { name: "a".into(), kind: "file".into(), format: Format::Csv, to }];
    assert!(tokio::time::timeout(Duration::from_millis(300), run(plan, &Silent)).await.is_err());
    let kept = msp.store.counts(Timestamp::MIN, Timestamp::MAX).await.unwrap();
    assert_eq!((kept.snapshots.len(), kept.series.len()), (1, 2));
}
