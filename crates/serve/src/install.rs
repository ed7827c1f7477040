//! The files by which systemd, launchd and the Windows Task Scheduler call `tallysheet run --schedule NAME`.

use jiff::civil::{Time, Weekday};
use std::fmt::Write as _;
use std::path::Path;
use tallysheet_config::{Cron, MonthDay, Schedule, When};

/// A scheduler of an operating system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheduler {
    /// Timers of systemd.
    Systemd,
    /// launchd of macOS.
    Launchd,
    /// The Windows Task Scheduler.
    Windows,
}

/// What the files name.
pub struct Place<'a> {
    /// The program.
    pub program: &'a Path,
    /// The config.
    pub config: &'a Path,
    /// The IANA name of the run's time zone, where it has one.
    pub timezone: Option<&'a str>,
    /// For the machine instead of the user.
    pub system: bool,
}

/// A file, and how it is switched on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// The file's name.
    pub file: String,
    /// What it holds.
    pub text: String,
    /// The command that switches it on; the file's path goes where `{path}` stands.
    pub enable: Option<String>,
}

/// The files of one schedule.
pub fn units(scheduler: Scheduler, schedule: &Schedule, place: &Place<'_>) -> Vec<Unit> {
    match scheduler {
        Scheduler::Systemd => systemd(schedule, place),
        Scheduler::Launchd => vec![launchd(schedule, place)],
        Scheduler::Windows => vec![windows(schedule, place)],
    }
}

fn systemd(schedule: &Schedule, place: &Place<'_>) -> Vec<Unit> {
    let unit = unit_name(&schedule.name);
    let folder = place.config.parent().unwrap_or(Path::new("/"));
    let call = [&place.program.display().to_string(), "--config", &place.config.display().to_string()]
        .into_iter()
        .chain(["run", "--schedule", &schedule.name])
        .map(quoted)
        .collect::<Vec<_>>()
        .join(" ");
    // Status 3 is a report with holes: it was delivered.
    let service = format!(
        "[Unit]\nDescription=Tallysheet: the schedule {}\nWants=network-online.target\nAfter=network-online.target\n\n\
         [Service]\nType=oneshot\nExecStart={call}\nWorkingDirectory={}\nSuccessExitStatus=3\nNoNewPrivileges=true\nPrivateTmp=true\n",
        schedule.name,
        folder.display().to_string().replace('%', "%%"),
    );
    let mut timer = format!("[Unit]\nDescription=Tallysheet: the schedule {}\n\n[Timer]\n", schedule.name);
    for time in calendar(&schedule.when) {
        let zone = place.timezone.map(|zone| format!(" {zone}")).unwrap_or_default();
        let _ = writeln!(timer, "OnCalendar={time}{zone}");
    }
    timer.push_str("Persistent=true\nAccuracySec=1s\n\n[Install]\nWantedBy=timers.target\n");
    let control = if place.system { "systemctl" } else { "systemctl --user" };
    let linger = if place.system { "" } else { " && loginctl enable-linger" };
    let enable = format!("{control} daemon-reload && {control} enable --now {unit}.timer{linger}");
    vec![
        Unit { file: format!("{unit}.service"), text: service, enable: None },
        Unit { file: format!("{unit}.timer"), text: timer, enable: Some(enable) },
    ]
}

/// Units may be called by ASCII letters, digits and `-_.`; others are escaped as systemd does.
fn unit_name(schedule: &str) -> String {
    schedule.chars().fold("tallysheet-".to_owned(), |mut name, c| {
        if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') {
            name.push(c);
        } else {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                let _ = write!(name, "\\x{byte:02x}");
            }
        }
        name
    })
}

/// A word of `ExecStart`: `%`, `$`, quotes and backslashes mean something there.
fn quoted(word: &str) -> String {
    let word = word.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%").replace('$', "$$");
    let plain = |c: char| c.is_ascii_alphanumeric() || "/-_.".contains(c);
    if word.chars().all(plain) { word } else { format!("\"{word}\"") }
}

/// When, in the words of systemd.
fn calendar(when: &When) -> Vec<String> {
    let clock = |at: Time| at.strftime("%H:%M:%S").to_string();
    match when {
        When::Daily(daily) => vec![format!("*-*-* {}", clock(daily.at))],
        When::Weekly(weekly) => vec![format!("{} *-*-* {}", weekday(weekly.day), clock(weekly.at))],
        When::Monthly(monthly) => {
            let at = clock(monthly.at);
            match monthly.day {
                MonthDay::Last | MonthDay::Day(31) => vec![format!("*-*~01 {at}")],
                // February has it on its last day, which in a leap year is the 29th itself.
                MonthDay::Day(day @ (29 | 30)) => {
                    vec![format!("*-01,03,04,05,06,07,08,09,10,11,12-{day} {at}"), format!("*-02~01 {at}")]
                }
                MonthDay::Day(day) => vec![format!("*-*-{day:02} {at}")],
            }
        }
        When::Cron(cron) => cron_calendar(cron),
    }
}

fn cron_calendar(cron: &Cron) -> Vec<String> {
    let list = |values: Option<&[u8]>| {
        let numbers = |values: &[u8]| values.iter().map(|value| format!("{value:02}")).collect::<Vec<_>>().join(",");
        values.map_or_else(|| "*".to_owned(), numbers)
    };
    let [minute, hour, day, month, week] = cron.fields();
    let time = format!("{}:{}:00", list(hour), list(minute));
    let names = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
    let week = week.map(|days| days.iter().map(|day| names[usize::from(*day % 7)]).collect::<Vec<_>>().join(","));
    let on_days = |day| format!("*-{}-{} {time}", list(month), list(day));
    match (day, week) {
        // Either will do.
        (Some(_), Some(week)) => vec![on_days(day), format!("{week} {}", on_days(None))],
        (None, Some(week)) => vec![format!("{week} {}", on_days(None))],
        (_, None) => vec![on_days(day)],
    }
}

const fn weekday(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "Mon",
        Weekday::Tuesday => "Tue",
        Weekday::Wednesday => "Wed",
        Weekday::Thursday => "Thu",
        Weekday::Friday => "Fri",
        Weekday::Saturday => "Sat",
        Weekday::Sunday => "Sun",
    }
}

/// The minute of the hour at which it is looked whether the schedule is due; without one, each five minutes.
fn minute(when: &When) -> Option<i8> {
    match when {
        When::Monthly(monthly) => Some(monthly.at.minute()),
        When::Weekly(weekly) => Some(weekly.at.minute()),
        When::Daily(daily) => Some(daily.at.minute()),
        When::Cron(_) => None,
    }
}

fn launchd(schedule: &Schedule, place: &Place<'_>) -> Unit {
    let label = format!("com.tallysheet.{}", schedule.name);
    let words = arguments(schedule, place);
    let words = words.iter().fold(String::new(), |all, word| format!("{all}    <string>{}</string>\n", escaped(word)));
    let when = match minute(&schedule.when) {
        Some(minute) => format!(
            "  <key>StartCalendarInterval</key>\n  <dict>\n    <key>Minute</key>\n    <integer>{minute}</integer>\n  </dict>\n"
        ),
        None => "  <key>StartInterval</key>\n  <integer>300</integer>\n".to_owned(),
    };
    let folder = escaped(&place.config.parent().unwrap_or(Path::new("/")).display().to_string());
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n\
         <plist version=\"1.0\">\n<dict>\n  <key>Label</key>\n  <string>{}</string>\n  <key>ProgramArguments</key>\n  <array>\n\
         {words}  </array>\n  <key>WorkingDirectory</key>\n  <string>{folder}</string>\n{when}  <key>RunAtLoad</key>\n  <true/>\n</dict>\n</plist>\n",
        escaped(&label)
    );
    let enable = if place.system {
        "sudo launchctl bootstrap system \"{path}\"".to_owned()
    } else {
        "launchctl bootstrap gui/$(id -u) \"{path}\"".to_owned()
    };
    Unit { file: format!("{label}.plist"), text, enable: Some(enable) }
}

fn windows(schedule: &Schedule, place: &Place<'_>) -> Unit {
    let words = arguments(schedule, place);
    let (program, rest) = words.split_first().map_or((String::new(), &[][..]), |(first, rest)| (first.clone(), rest));
    let arguments = rest.iter().map(|word| windows_word(word)).collect::<Vec<_>>().join(" ");
    let (minute, every) = minute(&schedule.when).map_or((0, "PT5M"), |minute| (minute, "PT1H"));
    let principal = if place.system { "<UserId>S-1-5-18</UserId>" } else { "<LogonType>InteractiveToken</LogonType>" };
    let folder = escaped(&place.config.parent().unwrap_or(Path::new("/")).display().to_string());
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <Task version=\"1.2\" xmlns=\"http://schemas.microsoft.com/windows/2004/02/mit/task\">\n\
         \x20 <RegistrationInfo>\n    <Description>Tallysheet: the schedule {name}</Description>\n  </RegistrationInfo>\n\
         \x20 <Triggers>\n    <TimeTrigger>\n      <Repetition>\n        <Interval>{every}</Interval>\n      </Repetition>\n\
         \x20     <StartBoundary>2026-01-01T00:{minute:02}:00</StartBoundary>\n      <Enabled>true</Enabled>\n    </TimeTrigger>\n  </Triggers>\n\
         \x20 <Principals>\n    <Principal id=\"Author\">\n      {principal}\n      <RunLevel>LeastPrivilege</RunLevel>\n    </Principal>\n  </Principals>\n\
         \x20 <Settings>\n    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>\n    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>\n\
         \x20   <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>\n    <StartWhenAvailable>true</StartWhenAvailable>\n\
         \x20   <ExecutionTimeLimit>PT12H</ExecutionTimeLimit>\n    <Enabled>true</Enabled>\n  </Settings>\n\
         \x20 <Actions Context=\"Author\">\n    <Exec>\n      <Command>{program}</Command>\n      <Arguments>{arguments}</Arguments>\n\
         \x20     <WorkingDirectory>{folder}</WorkingDirectory>\n    </Exec>\n  </Actions>\n</Task>\n",
        name = escaped(&schedule.name),
        program = escaped(&program),
        arguments = escaped(&arguments),
    );
    let enable = format!("schtasks /Create /TN \"Tallysheet {}\" /XML \"{{path}}\"", schedule.name);
    Unit { file: format!("tallysheet-{}.xml", schedule.name), text, enable: Some(enable) }
}

/// They call often, and the program decides: it knows time zones, the ends of months, and what was missed.
fn arguments(schedule: &Schedule, place: &Place<'_>) -> Vec<String> {
    let (program, config) = (place.program.display().to_string(), place.config.display().to_string());
    [program.as_str(), "--config", &config, "run", "--schedule", &schedule.name, "--if-due"].map(str::to_owned).to_vec()
}

/// A path holds no quote on Windows, and a name of the config neither.
fn windows_word(word: &str) -> String {
    if word.contains(' ') { format!("\"{word}\"") } else { word.to_owned() }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::time;
    use tallysheet_config::{Daily, Monthly, Weekly};

    fn schedule(when: When) -> Schedule {
        Schedule { name: "month-end".into(), when, deliver: None }
    }

    fn monthly(day: MonthDay) -> When {
        When::Monthly(Monthly { day, at: time(18, 30, 0, 0) })
    }

    fn place() -> Place<'static> {
        Place {
            program: Path::new("/opt/my tools/tallysheet"),
            config: Path::new("/etc/tally & co/100%.toml"),
            timezone: Some("America/New_York"),
            system: false,
        }
    }

    #[test]
    fn systemd_gets_the_calendar() {
        for (when, expected) in [
            (monthly(MonthDay::Last), &["*-*~01 18:30:00"][..]),
            (monthly(MonthDay::Day(31)), &["*-*~01 18:30:00"]),
            (monthly(MonthDay::Day(30)), &["*-01,03,04,05,06,07,08,09,10,11,12-30 18:30:00", "*-02~01 18:30:00"]),
            (monthly(MonthDay::Day(5)), &["*-*-05 18:30:00"]),
            (When::Weekly(Weekly { day: Weekday::Monday, at: time(6, 0, 0, 0) }), &["Mon *-*-* 06:00:00"]),
            (When::Daily(Daily { at: time(6, 0, 0, 0) }), &["*-*-* 06:00:00"]),
            (When::Cron("*/30 6 1 * *".parse().unwrap()), &["*-*-01 06:00,30:00"]),
            (When::Cron("0 6 1 1,7 fri".parse().unwrap()), &["*-01,07-01 06:00:00", "Fri *-01,07-* 06:00:00"]),
            (When::Cron("5 * * * mon-fri".parse().unwrap()), &["Mon,Tue,Wed,Thu,Fri *-*-* *:05:00"]),
        ] {
            assert_eq!(calendar(&when), expected, "{when:?}");
        }
        let [service, timer] = &units(Scheduler::Systemd, &schedule(monthly(MonthDay::Last)), &place())[..] else {
            panic!()
        };
        let call =
            "ExecStart=\"/opt/my tools/tallysheet\" --config \"/etc/tally & co/100%%.toml\" run --schedule month-end\n";
        assert!(service.text.contains(call), "{}", service.text);
        assert!(timer.text.contains("OnCalendar=*-*~01 18:30:00 America/New_York\nPersistent=true"), "{}", timer.text);
        assert!(timer.enable.as_ref().unwrap().contains("systemctl --user enable --now tallysheet-month-end.timer"));
        assert_eq!(unit_name("zürich"), "tallysheet-z\\xc3\\xbcrich");
    }

    #[test]
    fn launchd_and_windows_call_often_and_the_program_decides() {
        let plist = &units(Scheduler::Launchd, &schedule(monthly(MonthDay::Last)), &place())[0];
        for part in [
            "<string>--if-due</string>",
            "<key>Minute</key>\n    <integer>30</integer>",
            "/etc/tally &amp; co/100%.toml",
        ] {
            assert!(plist.text.contains(part), "{part} is not in {}", plist.text);
        }
        assert_eq!(plist.file, "com.tallysheet.month-end.plist");
        let task = &units(Scheduler::Windows, &schedule(When::Cron("0 6 * * *".parse().unwrap())), &place())[0];
        for part in [
            "<Interval>PT5M</Interval>",
            "run --schedule month-end --if-due",
            "\"/etc/tally &amp; co/100%.toml\"",
            "StartWhenAvailable>true",
        ] {
            assert!(task.text.contains(part), "{part} is not in {}", task.text);
        }
        assert_eq!(task.enable.as_deref(), Some("schtasks /Create /TN \"Tallysheet month-end\" /XML \"{path}\""));
    }
}
