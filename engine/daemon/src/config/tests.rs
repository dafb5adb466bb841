//! Tests of `engine.toml`.

use super::*;
use crate::repositories::Place;

#[test]
fn the_shipped_example_is_valid_and_tells_the_defaults() {
    let shipped = include_str!("../../engine.toml");
    assert_eq!(toml::from_str::<Config>(shipped).unwrap(), Config::default());
    let is_setting = |line: &str| line.starts_with(|c: char| c.is_ascii_lowercase()) && line.contains(" = ");
    let spelled_out = shipped.lines().map(|line| match line.strip_prefix('#') {
        Some(setting) if is_setting(setting) || setting.starts_with("[[") => setting,
        _ => line,
    });
    let all: Config = toml::from_str(&spelled_out.collect::<Vec<_>>().join("\n")).unwrap();
    let [folder, remote] = &all.repository[..] else { panic!("{:?}", all.repository) };
    assert_eq!(*folder, RepositoryConfig::folder("/srv/xrdtest"));
    let Place::Remote(remote) = &remote.place else { panic!("{remote:?}") };
    assert_eq!((remote.size, remote.timeout), (1 << 30, Duration::from_secs(120)));
    assert_eq!(all.socket_group.as_deref(), Some("xrdtest"));
    let webhooks = all.webhooks().unwrap();
    assert_eq!(webhooks.iter().map(crate::Webhook::name).collect::<Vec<_>>(), ["ci", "chat", "commits"]);
    let defaults = Config::default();
    let optional = Config {
        repository: Vec::new(),
        scripts: Scripts::default(),
        socket_group: None,
        archive: None,
        log: None,
        pid_file: None,
        web: Web::default(),
        mail: MailSection::default(),
        webhooks: Vec::new(),
        reports: ReportsSection::default(),
        retention: defaults.retention.clone(),
        ..all
    };
    assert_eq!(optional, defaults);
}

#[test]
fn the_shipped_example_has_every_key() {
    let shipped = include_str!("../../engine.toml");
    for section in [
        "",
        "[scripts]",
        "[definitions]",
        "[web]",
        "[mail]",
        "[[webhooks]]",
        "[schedule]",
        "[limits]",
        "[contact]",
        "[reports]",
        "[retention]",
        "[[repository]]",
    ] {
        let error = toml::from_str::<Config>(&format!("{section}\nno_such_key = 1\n")).unwrap_err();
        // It names all that there are.
        let keys = error.message().split('`').skip(3).step_by(2).collect::<Vec<_>>();
        assert!(!keys.is_empty(), "{error}");
        for key in keys {
            let is_there = |line: &str| {
                // One of two ways is told in words.
                line.contains(&format!(": {key} = "))
                    || line.trim_start_matches('#').starts_with(&format!("{key} = "))
                    || line.trim_start_matches('#').trim_matches(['[', ']']) == key
            };
            assert!(shipped.lines().any(is_there), "{section} {key}");
        }
    }
}

#[test]
fn mistakes_have_a_place() {
    for (text, place) in [
        ("listen = 'somewhere'\n", "line 1, column 10"),
        ("listen = 'somewhere'\n", "`somewhere` is not an IP address with a port; write it as in"),
        ("state = '/x'\nlisten = '127.0.0.1'\n", "line 2, column 10"),
        ("listen = '127.0.0.1'\n", "has no port; write it with one, as in \"127.0.0.1:20000\""),
        ("[web]\nlisten = '::1'\n", "has no port; write it with one, as in \"[::1]:20000\""),
        ("[web]\nlisten = 1\n", "line 2, column 10"),
        ("state = '/x'\n[webhooks]\nname = 'a'\n", "line 2, column 1"),
        ("[webhooks]\nurl = 'https://x'\n", "write `[[webhooks]]`, with two brackets, above each"),
        ("[repository]\npath = '/x'\n", "write `[[repository]]`, with two brackets, above each"),
        ("webhooks = 1\n", "a list of tables, each below a line `[[webhooks]]`"),
        ("state = '/x'\nlisten_ = 1\n", "line 2, column 1"),
        ("[limits]\nstage = '15 parsecs'\n", "line 2, column 9"),
        ("[limits]\noutput = '1X'\n", "line 2, column 10"),
        ("[[repository]]\n", "a repository has either `path`, a folder, or `url`, a git remote"),
        ("[[repository]]\npath = 1\n", "line 2, column 8"),
        ("[contact]\nlate = 5\n", "line 2, column 8"),
        ("[definitions]\ndepth = 5\n", "line 2, column 1"),
        ("[definitions]\ntime = '11s'\n", "line 2, column 8"),
        ("[definitions]\ntime = '11s'\n", "11.0 s is not possible here: at least 10 ms, at most 10.0 s"),
        ("[definitions]\noperations = 10\n", "line 2, column 14"),
        ("[definitions]\nmemory = '2G'\n", "2 GiB is not possible here: at least 16 MiB, at most 1 GiB"),
        ("[definitions]\nstring = '2M'\n", "at least 4 KiB, at most 1 MiB"),
        ("[definitions]\nelements = 100001\n", "at least 100, at most 100000"),
        ("[definitions]\nfile = '1K'\n", "at least 4 KiB, at most 1 MiB"),
        ("[schedule]\ntimezone = 'Europe/Zürich'\n", "line 2, column 12"),
        ("[schedule]\ntimezone = 'CET+1'\n", "`CET+1` is no time zone"),
        ("[limits]\nframe = '17M'\n", "line 2, column 9"),
        ("[limits]\nframe = '512K'\n", "at least 1 MiB, at most 16 MiB"),
        ("[limits]\ncertificate = '5s'\n", "at least 15.0 s, at most 87600 h"),
        ("[limits]\ncertificate = '3651d'\n", "at least 15.0 s, at most 87600 h"),
        ("[limits]\nfetched_file = '65M'\n", "at least 4 KiB, at most 64 MiB"),
        ("[limits]\nconsole = '1G'\n", "at least 4 KiB, at most 16 MiB"),
    ] {
        let words = toml::from_str::<Config>(text).unwrap_err().to_string();
        assert!(words.contains(place), "{text}: {words}");
    }
    let text =
        "[definitions]\ntime = '2s'\noperations = 1000000\n[limits]\nframe = '1M'\nfetched_file = '8M'\n";
    let config = toml::from_str::<Config>(text).unwrap();
    let DefinitionsConfig { bounds, fetched_file, .. } = config.definitions();
    assert_eq!((bounds.time, bounds.operations), (Duration::from_secs(2), 1_000_000));
    assert_eq!((config.engine().frame, fetched_file), (1 << 20, 8 << 20));
    for (text, words) in [
        ("smtp = 'a:25'", "mail.from is missing"),
        ("from = 'a@b'", "neither `smtp`"),
        ("from = 'a'\nsmtp = 'a:25'", "mail.from is no address"),
        ("from = 'a@b'\nsmtp = 'a'", "mail.smtp is no HOST:PORT"),
        ("from = 'a@b'\nsmtp = 'a:25'\nsendmail = '/s'", "both `smtp` and `sendmail`"),
        ("from = 'a@b'\nsmtp = 'a:25'\nusername = 'u'", "belong together"),
        ("from = 'a@b'\nsmtp = 'a:25'\ntls = 'none'\nusername = 'u'\npassword_file = '/p'", "in the open"),
        ("from = 'a@b'\nsmtp = 'a:25'\nlink = 'example.org'", "mail.link"),
    ] {
        let config: Config = toml::from_str(&format!("[mail]\n{text}\n")).unwrap();
        let why = config.contradiction().unwrap();
        assert!(why.contains(words), "{text}: {why}");
    }
    let text = "[web]\nlisten = '127.0.0.1:20443'\n[mail]\nfrom = 'X <x@example.org>'\nsmtp = '[::1]:25'\n";
    let mail = toml::from_str::<Config>(text).unwrap().mail().unwrap().unwrap();
    assert_eq!(mail.common.link.rsplit_once(':').unwrap().1, "20443");
    assert_eq!(
        (mail.common.domain.as_str(), mail.way.to_string()),
        ("example.org", "the mail server ::1:25".to_owned())
    );
    let late: Config = toml::from_str("[contact]\nlate = '1m'\n").unwrap();
    assert!(late.contradiction().unwrap().contains("contact.late"));
}

#[test]
fn webhooks_are_looked_at() {
    let status = "shape = 'github'\nproject = 'o/r'\ntoken_file = '/t'\n";
    for (text, words) in [
        ("", "the webhook has no address"),
        ("name = 'a'", "the webhook `a` has no address"),
        ("url_file = '/f'", "webhooks.name is missing"),
        ("url = 'https://x'\nurl_file = '/f'", "both `url` and `url_file`"),
        ("url = 'x.org/hook'", "webhooks.url: an address begins with https://"),
        (
            "name = 'a'\nurl = 'https://me:hush@x.org'",
            "the webhook `a`: `url`: an address has no name or password",
        ),
        ("name = 'a b'\nurl = 'https://x'", "the webhook `a b`: `name` has letters"),
        ("url = 'https://x'\nsuites = ['a[']", "the webhook `x`: `suites`: `a[` is no pattern"),
        ("url = 'https://x'\non = []", "`on` is empty"),
        ("url = 'https://x'\nsecret = ''", "`secret` is empty"),
        ("url = 'https://x'\nsecret = 's'\nsecret_file = '/s'", "both `secret` and `secret_file`"),
        ("url = 'https://x'\ntimeout = '1h'", "`timeout` is at least"),
        ("url = 'https://x'\nproject = 'o/r'", "are for the shapes github and gitlab"),
        ("url = 'https://x'\nlink = 'x'", "webhooks.link is no address"),
        ("shape = 'github'\ntoken_file = '/t'", "`project` is missing"),
        ("shape = 'github'\nproject = 'o'\ntoken_file = '/t'", "`o` is no project"),
        ("shape = 'gitlab'\nproject = 'o/../r'\ntoken_file = '/t'", "`o/../r` is no project"),
        ("shape = 'gitlab'\nproject = '17'", "`token_file` is missing"),
        (&format!("{status}repository = 'a'\non = ['failure']"), "leave `on` out"),
        (&format!("{status}repository = 'a'\nsecret = 's'"), "is let in by `token_file`"),
        (&format!("{status}url = 'http://x.org'"), "in the open"),
        (&format!("{status}repository = 'c'"), "there is no repository `c`; there are `a`, `b`"),
        (status, "`repository` is missing: say whose commits get a status, of `a`, `b`"),
        (
            &format!("{status}repository = 'a'\n[[webhooks]]\n{status}repository = 'b'"),
            "two webhooks are called",
        ),
    ] {
        let text =
            format!("[[repository]]\npath = '/a'\n[[repository]]\npath = '/b'\n[[webhooks]]\n{text}\n");
        let why = toml::from_str::<Config>(&text).unwrap().contradiction().unwrap_or_default();
        assert!(why.contains(words) && !why.contains("hush"), "{text}: {why}");
    }
    let text = "[[webhooks]]\nshape = 'gitlab'\nproject = '/group/sub/name/'\ntoken_file = '/t'\n";
    let config: Config = toml::from_str(text).unwrap();
    let [webhook] = &config.webhooks().unwrap()[..] else { panic!("there is one") };
    assert_eq!((webhook.name(), webhook.project.as_str()), ("gitlab.com", "group/sub/name"));
}

/// Who writes a secret where none is expected does not find it in a log.
#[test]
fn secrets_are_not_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("engine.toml");
    for (text, place) in [
        ("[[webhooks]]\nsecrett = 'hush'\n", "line 2, column 1"),
        ("[[webhooks]]\nsecret = 'hush\n", "line 2, column"),
        ("[[webhooks]]\nsecret = ['hush']\n", "line 2, column 10"),
        ("[[webhooks]]\nurl = { hush = 1 }\n", "line 2, column 7"),
        ("[[webhooks]]\ntoken = 'hush'\n", "line 2, column 1"),
    ] {
        std::fs::write(&path, text).unwrap();
        let error = Config::load(&path).unwrap_err();
        let words = format!("{} {error:?}", xrdtest_model::with_causes(&error));
        assert!(words.contains(place) && !words.contains("hush"), "{text}: {words}");
    }
    let text = "[[webhooks]]\nurl = 'https://x/hush'\nsecret = 'hush'\n";
    let config: Config = toml::from_str(text).unwrap();
    assert!(!format!("{config:?} {:?}", config.webhooks()).contains("hush"));
}
