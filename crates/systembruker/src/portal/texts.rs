//! The texts of the pages, in bokmål, nynorsk and English.
//!
//! They stand in `locales/*/portal.ftl`. Each is a method here, with its variables as parameters, so that a template
//! that names a text that is not there does not compile. A text that is missing in one of the languages does not
//! compile either; that all languages use the same variables is tested.

use std::fmt;
use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use model::Translated;
use serde::Serialize;
use unic_langid::LanguageIdentifier;

use crate::access::metadata::Name;

/// A language that the pages have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Language {
    /// Bokmål.
    Nb,
    /// Nynorsk.
    Nn,
    /// English.
    En,
}

impl Language {
    /// All of them, in the order they are offered.
    pub const ALL: [Self; 3] = [Self::Nb, Self::Nn, Self::En];

    /// The code in `lang` and in texts of others.
    pub fn code(self) -> &'static str {
        match self {
            Self::Nb => "nb",
            Self::Nn => "nn",
            Self::En => "en",
        }
    }

    /// Its name, in itself.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nb => "Norsk (bokmål)",
            Self::Nn => "Norsk (nynorsk)",
            Self::En => "English",
        }
    }

    /// The language with this code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.code() == code)
    }

    fn source(self) -> &'static str {
        match self {
            Self::Nb => NB,
            Self::Nn => NN,
            Self::En => EN,
        }
    }

    fn locale(self) -> LanguageIdentifier {
        self.code().parse().unwrap_or_default()
    }
}

/// A text that others wrote, such as an owner's of its service, with the language it is in where that is not the page's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Quoted {
    text: String,
    language: Option<&'static str>,
}

impl Quoted {
    /// A text of a register, in the language with this code or in another where there is none.
    pub fn new(text: &Translated, language: &str) -> Self {
        Self::choose([("nb", &text.nb), ("nn", &text.nn), ("en", &text.en)], language)
    }

    /// A name of the access metadata.
    pub fn name(name: &Name, language: &str) -> Self {
        let known = |name: &Option<String>| name.clone().unwrap_or_default();
        Self::choose([("nb", &name.nb), ("nn", &known(&name.nn)), ("en", &known(&name.en))], language)
    }

    fn choose(texts: [(&'static str, &str); 3], language: &str) -> Self {
        let [(_, untranslated), ..] = texts;
        let wanted = texts.into_iter().find(|(code, text)| *code == language && !text.trim().is_empty());
        match wanted.or_else(|| texts.into_iter().find(|(_, text)| !text.trim().is_empty())) {
            None => Self::default(),
            // What is the same in English as in bokmål has not been translated.
            Some(("en", text)) if text == untranslated && language == "en" => {
                Self { text: text.to_owned(), language: Some("nb") }
            }
            Some((code, text)) => Self { text: text.to_owned(), language: (code != language).then_some(code) },
        }
    }

    /// A text that is in no language, such as an id.
    pub fn bare(text: String) -> Self {
        Self { text, language: None }
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The attribute that says which language it is in, for the element that holds it.
    pub fn lang(&self) -> &'static str {
        match self.language {
            Some("nb") => " lang=\"nb\"",
            Some("nn") => " lang=\"nn\"",
            Some("en") => " lang=\"en\"",
            _ => "",
        }
    }
}

impl fmt::Display for Quoted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

const NB: &str = include_str!("../../locales/nb/portal.ftl");
const NN: &str = include_str!("../../locales/nn/portal.ftl");
const EN: &str = include_str!("../../locales/en/portal.ftl");

/// The texts of one language.
pub struct Texts {
    bundle: FluentBundle<FluentResource>,
}

static TEXTS: LazyLock<[Texts; 3]> = LazyLock::new(|| Language::ALL.map(Texts::load));

impl Texts {
    /// The texts of a language.
    pub fn of(language: Language) -> &'static Self {
        let [nb, nn, en] = &*TEXTS;
        match language {
            Language::Nb => nb,
            Language::Nn => nn,
            Language::En => en,
        }
    }

    fn load(language: Language) -> Self {
        let mut bundle = FluentBundle::new_concurrent(vec![language.locale()]);
        // Marks around inserted values would turn up in names and links.
        bundle.set_use_isolating(false);
        // What cannot be parsed is left out, and found by the test that asks for every text.
        let resource = FluentResource::try_new(language.source().to_owned()).unwrap_or_else(|(resource, _)| resource);
        let _ = bundle.add_resource(resource);
        Self { bundle }
    }

    fn text(&self, key: &str, values: &[(&'static str, &str)]) -> String {
        let Some(pattern) = self.bundle.get_message(key).and_then(|message| message.value()) else {
            return key.to_owned();
        };
        let mut arguments = FluentArgs::new();
        for (name, value) in values {
            // How many there are decides the form of the words around.
            let is_count = *name == "count";
            arguments.set(*name, if is_count { FluentValue::try_number(value) } else { FluentValue::from(*value) });
        }
        let mut errors = vec![];
        self.bundle.format_pattern(pattern, Some(&arguments), &mut errors).into_owned()
    }
}

impl fmt::Debug for Texts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Texts")
    }
}

/// Whether a line of `source` begins with `key = `.
const fn has(source: &str, key: &str) -> bool {
    let (source, key) = (source.as_bytes(), key.as_bytes());
    let mut start = 0;
    while start + key.len() + 3 <= source.len() {
        let mut same = 0;
        #[expect(
            clippy::indexing_slicing,
            reason = "within bounds by the condition above, and this runs when compiled"
        )]
        while same < key.len() && source[start + same] == key[same] {
            same += 1;
        }
        #[expect(
            clippy::indexing_slicing,
            reason = "within bounds by the condition above, and this runs when compiled"
        )]
        if same == key.len() && source[start + same] == b' ' && source[start + same + 1] == b'=' {
            return true;
        }
        #[expect(clippy::indexing_slicing, reason = "within bounds by the condition, and this runs when compiled")]
        while start < source.len() && source[start] != b'\n' {
            start += 1;
        }
        start += 1;
    }
    false
}

macro_rules! texts {
    ($($name:ident($($variable:ident),*) = $key:literal;)*) => {
        $(
            const _: () = assert!(has(NB, $key), concat!("missing in nb: ", $key));
            const _: () = assert!(has(NN, $key), concat!("missing in nn: ", $key));
            const _: () = assert!(has(EN, $key), concat!("missing in en: ", $key));
        )*
        impl Texts {
            $(
                #[doc = concat!("The text `", $key, "`.")]
                pub fn $name(&self $(, $variable: impl AsRef<str>)*) -> String {
                    self.text($key, &[$((stringify!($variable), $variable.as_ref())),*])
                }
            )*
        }
        #[cfg(test)]
        const DECLARED: &[(&str, &[&str])] = &[$(($key, &[$(stringify!($variable)),*])),*];
    };
}

impl Texts {
    /// What a code of the token endpoint means and what to do, for a code that there is: `MP-121`.
    pub fn token_error(&self, code: &str) -> Option<String> {
        Some(match code {
            "MP-011" => self.mp_011(),
            "MP-012" => self.mp_012(),
            "MP-100" => self.mp_100(),
            "MP-110" => self.mp_110(),
            "MP-120" => self.mp_120(),
            "MP-121" => self.mp_121(),
            "MP-122" => self.mp_122(),
            "MP-123" => self.mp_123(),
            "MP-124" => self.mp_124(),
            "MP-130" => self.mp_130(),
            "MP-200" => self.mp_200(),
            "MP-201" => self.mp_201(),
            "MP-250" => self.mp_250(),
            "MP-251" => self.mp_251(),
            "MP-301" => self.mp_301(),
            "MP-302" => self.mp_302(),
            "MP-303" => self.mp_303(),
            _ => return None,
        })
    }
}

texts! {
    skip_to_content() = "skip-to-content";
    language() = "language";
    log_in() = "log-in";
    log_out() = "log-out";
    logged_in_as(name) = "logged-in-as";
    sandbox_notice() = "sandbox-notice";
    footer(product) = "footer";
    org_number(number) = "org-number";
    organisation_named(name, number) = "organisation-named";
    choose_title() = "choose-title";
    choose_lead() = "choose-lead";
    choose_none() = "choose-none";
    overview_title(organisation) = "overview-title";
    overview_lead() = "overview-lead";
    overview_pending() = "overview-pending";
    overview_own() = "overview-own";
    overview_none() = "overview-none";
    answer_before(date) = "answer-before";
    see_request() = "see-request";
    created(date) = "created";
    request_title() = "request-title";
    request_heading(vendor, system) = "request-heading";
    request_for(organisation, number) = "request-for";
    request_meaning(organisation) = "request-meaning";
    request_asked(organisation) = "request-asked";
    request_about_system() = "request-about-system";
    request_not_given() = "request-not-given";
    request_how_long() = "request-how-long";
    request_vendor() = "request-vendor";
    request_questions(vendor) = "request-questions";
    request_system() = "request-system";
    request_reference() = "request-reference";
    action_read() = "action-read";
    action_write() = "action-write";
    action_sign() = "action-sign";
    action_delete() = "action-delete";
    action_other(action) = "action-other";
    right_from(owner) = "right-from";
    right_cannot_role() = "right-cannot-role";
    right_cannot_resource() = "right-cannot-resource";
    right_not_listed() = "right-not-listed";
    package() = "package";
    right_unknown(id) = "right-unknown";
    approve() = "approve";
    reject() = "reject";
    may_not_answer(organisation) = "may-not-answer";
    may_forward() = "may-forward";
    request_accepted() = "request-accepted";
    request_rejected() = "request-rejected";
    request_timed_out() = "request-timed-out";
    receipt_approved_title() = "receipt-approved-title";
    receipt_approved(system, vendor, organisation) = "receipt-approved";
    receipt_rejected_title() = "receipt-rejected-title";
    receipt_rejected(system, vendor, organisation) = "receipt-rejected";
    receipt_reference() = "receipt-reference";
    receipt_logged_out() = "receipt-logged-out";
    receipt_withdraw() = "receipt-withdraw";
    back_to_vendor(host) = "back-to-vendor";
    details_title(title) = "details-title";
    details_rights() = "details-rights";
    details_revoke() = "details-revoke";
    revoke_title() = "revoke-title";
    revoke_lead(system, vendor, organisation) = "revoke-lead";
    revoke_confirm() = "revoke-confirm";
    cancel() = "cancel";
    revoked_title() = "revoked-title";
    revoked_lead() = "revoked-lead";
    to_overview() = "to-overview";
    to_front() = "to-front";
    logged_out_title() = "logged-out-title";
    logged_out_lead() = "logged-out-lead";
    test_login_title() = "test-login-title";
    test_login_lead() = "test-login-lead";
    test_login_as(name) = "test-login-as";
    test_login_no_role() = "test-login-no-role";
    test_login_own_title() = "test-login-own-title";
    test_login_pid() = "test-login-pid";
    test_login_wrong() = "test-login-wrong";
    test_login_go() = "test-login-go";
    message_not_found_title() = "message-not-found-title";
    message_not_found() = "message-not-found";
    message_no_id_title() = "message-no-id-title";
    message_no_id() = "message-no-id";
    message_foreign_form_title() = "message-foreign-form-title";
    message_foreign_form() = "message-foreign-form";
    message_conflict_title() = "message-conflict-title";
    message_conflict() = "message-conflict";
    message_refused_title() = "message-refused-title";
    message_refused() = "message-refused";
    message_no_power_title() = "message-no-power-title";
    message_no_power() = "message-no-power";
    message_login_failed_title() = "message-login-failed-title";
    message_login_failed() = "message-login-failed";
    message_unknown_person_title() = "message-unknown-person-title";
    message_unknown_person() = "message-unknown-person";
    message_login_unavailable_title() = "message-login-unavailable-title";
    message_too_large_title() = "message-too-large-title";
    message_too_large() = "message-too-large";
    message_too_often_title() = "message-too-often-title";
    message_too_often() = "message-too-often";
    message_unavailable_title() = "message-unavailable-title";
    message_unavailable() = "message-unavailable";
    message_login_unavailable() = "message-login-unavailable";
    mp_011() = "mp-011";
    mp_012() = "mp-012";
    mp_100() = "mp-100";
    mp_110() = "mp-110";
    mp_120() = "mp-120";
    mp_121() = "mp-121";
    mp_122() = "mp-122";
    mp_123() = "mp-123";
    mp_124() = "mp-124";
    mp_130() = "mp-130";
    mp_200() = "mp-200";
    mp_201() = "mp-201";
    mp_250() = "mp-250";
    mp_251() = "mp-251";
    mp_301() = "mp-301";
    mp_302() = "mp-302";
    mp_303() = "mp-303";
    token_error_title(code) = "token-error-title";
    token_error_exact() = "token-error-exact";
    footer_links() = "footer-links";
    date_and_time(date, time) = "date-and-time";
    session_ends_soon() = "session-ends-soon";
    session_stay() = "session-stay";
    session_has_ended() = "session-has-ended";
    help_title() = "help-title";
    privacy_title() = "privacy-title";
    accessibility_title() = "accessibility-title";
    crumbs_label() = "crumbs-label";
    pages_label() = "pages-label";
    pages_previous() = "pages-previous";
    pages_next() = "pages-next";
    pages_of(page, last) = "pages-of";
    search() = "search";
    search_organisations() = "search-organisations";
    search_accesses() = "search-accesses";
    search_label() = "search-label";
    search_systems() = "search-systems";
    search_clients() = "search-clients";
    found_all(count) = "found-all";
    found_of(found, count) = "found-of";
    found_none() = "found-none";
    filter_kind() = "filter-kind";
    filter_show() = "filter-show";
    filter_all() = "filter-all";
    filter_unused() = "filter-unused";
    filter_added() = "filter-added";
    filter_available() = "filter-available";
    filter_missing() = "filter-missing";
    sort_by() = "sort-by";
    sort_newest() = "sort-newest";
    sort_name() = "sort-name";
    sort_used() = "sort-used";
    sub_unit_of(name) = "sub-unit-of";
    overview_for_clients() = "overview-for-clients";
    last_used(date) = "last-used";
    never_used() = "never-used";
    unused() = "unused";
    newly_made() = "newly-made";
    forwarded(name, date) = "forwarded";
    forward_remind() = "forward-remind";
    forward_take_back() = "forward-take-back";
    history_reminded() = "history-reminded";
    history_forward_taken_back() = "history-forward-taken-back";
    revoke_of(title) = "revoke-of";
    clients_count(count) = "clients-count";
    kind_standard() = "kind-standard";
    kind_agent() = "kind-agent";
    kind_change() = "kind-change";
    state_new() = "state-new";
    state_accepted() = "state-accepted";
    state_rejected() = "state-rejected";
    state_timed_out() = "state-timed-out";
    requests_title() = "requests-title";
    requests_lead(organisation) = "requests-lead";
    requests_none() = "requests-none";
    history_title() = "history-title";
    history_lead(organisation) = "history-lead";
    history_none() = "history-none";
    history_older() = "history-older";
    history_requested() = "history-requested";
    history_viewed() = "history-viewed";
    history_withdrawn() = "history-withdrawn";
    history_change_requested() = "history-change-requested";
    history_file(count) = "history-file";
    history_all() = "history-all";
    history_approved() = "history-approved";
    history_rejected() = "history-rejected";
    history_forwarded() = "history-forwarded";
    history_changed() = "history-changed";
    history_change_rejected() = "history-change-rejected";
    history_created() = "history-created";
    history_renamed(name) = "history-renamed";
    history_deleted() = "history-deleted";
    history_deleted_by_vendor() = "history-deleted-by-vendor";
    history_client_added(client) = "history-client-added";
    history_client_removed(client) = "history-client-removed";
    history_by_system() = "history-by-system";
    right_can(actions) = "right-can";
    right_cannot(actions) = "right-cannot";
    right_cannot_level() = "right-cannot-level";
    package_services(count) = "package-services";
    request_received() = "request-received";
    request_first(vendor) = "request-first";
    request_system_gone() = "request-system-gone";
    answered_by(name, time) = "answered-by";
    agent_title() = "agent-title";
    agent_heading(vendor, system) = "agent-heading";
    agent_meaning() = "agent-meaning";
    agent_asked() = "agent-asked";
    agent_clients_later() = "agent-clients-later";
    change_title() = "change-title";
    change_heading(vendor, system) = "change-heading";
    change_about(title, date) = "change-about";
    change_added() = "change-added";
    change_removed() = "change-removed";
    change_stays() = "change-stays";
    forwarded_by(name, time) = "forwarded-by";
    who_can(names) = "who-can";
    log_in_higher() = "log-in-higher";
    forward_title() = "forward-title";
    forward_message() = "forward-message";
    forward() = "forward";
    receipt_clients() = "receipt-clients";
    receipt_add_clients() = "receipt-add-clients";
    receipt_log_in_for_clients() = "receipt-log-in-for-clients";
    receipt_see_access() = "receipt-see-access";
    receipt_answered() = "receipt-answered";
    facts_organisation() = "facts-organisation";
    leaving_before() = "leaving-before";
    leaving_after(host) = "leaving-after";
    leaving_stop() = "leaving-stop";
    print() = "print";
    create_new() = "create-new";
    step(number, last) = "step";
    create_choose() = "create-choose";
    create_choose_lead() = "create-choose-lead";
    create_none() = "create-none";
    create_asks_for(count) = "create-asks-for";
    create_review_again() = "create-review-again";
    create_review(system) = "create-review";
    create_exists() = "create-exists";
    create_no_rights() = "create-no-rights";
    create() = "create";
    create_cannot() = "create-cannot";
    create_back() = "create-back";
    facts_kind() = "facts-kind";
    facts_created() = "facts-created";
    facts_used() = "facts-used";
    facts_id() = "facts-id";
    details_system_gone() = "details-system-gone";
    details_no_rights() = "details-no-rights";
    details_revoke_lead() = "details-revoke-lead";
    uses_title() = "uses-title";
    uses_of(client, first, last) = "uses-of";
    rename_title() = "rename-title";
    rename_label() = "rename-label";
    rename_wrong(max) = "rename-wrong";
    rename() = "rename";
    revoke_at_once() = "revoke-at-once";
    revoke_clients(count) = "revoke-clients";
    revoke_again() = "revoke-again";
    clients_title() = "clients-title";
    clients_manage() = "clients-manage";
    own_organisation_too() = "own-organisation-too";
    clients_of(title) = "clients-of";
    clients_lead() = "clients-lead";
    clients_packages(packages) = "clients-packages";
    clients_counts(given, available, missing) = "clients-counts";
    own_organisation(name, number) = "own-organisation";
    own_add() = "own-add";
    own_remove() = "own-remove";
    client_given() = "client-given";
    client_lacks(packages) = "client-lacks";
    clients_none(name, number) = "clients-none";
    tick_all() = "tick-all";
    clients_add_ticked() = "clients-add-ticked";
    clients_remove_ticked() = "clients-remove-ticked";
    clients_many() = "clients-many";
    clients_add_all(count) = "clients-add-all";
    clients_remove_all(count) = "clients-remove-all";
    clients_numbers(count) = "clients-numbers";
    clients_add_numbers() = "clients-add-numbers";
    clients_why_title() = "clients-why-title";
    clients_why() = "clients-why";
    clients_why_gift() = "clients-why-gift";
    clients_ask(system, packages, name, number) = "clients-ask";
    about_service() = "about-service";
    legal_title() = "legal-title";
    legal_power(organisation, vendor) = "legal-power";
    legal_data(organisation, vendor) = "legal-data";
    details_unused(days) = "details-unused";
    to_access() = "to-access";
    to_clients() = "to-clients";
    job_running() = "job-running";
    job_finished() = "job-finished";
    job_added(done, total) = "job-added";
    job_removed(done, total) = "job-removed";
    job_goes_on() = "job-goes-on";
    job_failed(count) = "job-failed";
    job_failures() = "job-failures";
    job_successes() = "job-successes";
    job_not_a_client() = "job-not-a-client";
    job_lacks_packages() = "job-lacks-packages";
    job_not_there() = "job-not-there";
    job_refused(code) = "job-refused";
    test_login_level() = "test-login-level";
    message_withdrawn_title() = "message-withdrawn-title";
    message_withdrawn() = "message-withdrawn";
    message_changed_title() = "message-changed-title";
    message_changed() = "message-changed";
    message_job_waits_title() = "message-job-waits-title";
    message_job_waits() = "message-job-waits";
    help_what_title() = "help-what-title";
    help_what() = "help-what";
    help_asked_title() = "help-asked-title";
    help_asked() = "help-asked";
    help_who_title() = "help-who-title";
    help_who() = "help-who";
    help_back_title() = "help-back-title";
    help_back() = "help-back";
    help_clients_title() = "help-clients-title";
    help_clients() = "help-clients";
    help_contact_title() = "help-contact-title";
    help_contact() = "help-contact";
    privacy_what() = "privacy-what";
    privacy_cookies() = "privacy-cookies";
    privacy_journal() = "privacy-journal";
    privacy_vendor() = "privacy-vendor";
    accessibility_aim() = "accessibility-aim";
    receipt_change_approved_title() = "receipt-change-approved-title";
    receipt_change_approved(system, vendor, organisation) = "receipt-change-approved";
    receipt_change_rejected(system, vendor, organisation) = "receipt-change-rejected";
    request_cannot() = "request-cannot";
    who_can_none() = "who-can-none";
    right_cannot_package() = "right-cannot-package";
    right_cannot_single() = "right-cannot-single";
    right_is_scope() = "right-is-scope";
    right_package_cannot() = "right-package-cannot";
    right_who_can(names) = "right-who-can";
    package_can() = "package-can";
    package_can_clients() = "package-can-clients";
    package_cannot() = "package-cannot";
    facts_basis() = "facts-basis";
    basis_request() = "basis-request";
    basis_own() = "basis-own";
    facts_system_id() = "facts-system-id";
    facts_clients() = "facts-clients";
    session_ends_for_good() = "session-ends-for-good";
    job_reload() = "job-reload";
    job_shown(count) = "job-shown";
    clients_too_many(count) = "clients-too-many";
    remove_all_title() = "remove-all-title";
    remove_all_lead(count) = "remove-all-lead";
    remove_all_confirm() = "remove-all-confirm";
    receipt_given() = "receipt-given";
    receipt_taken() = "receipt-taken";
    renamed() = "renamed";
    own_changed() = "own-changed";
    requests_more(count) = "requests-more";
    requests_cut(count) = "requests-cut";
    clients_not_yours() = "clients-not-yours";
    accessibility_authority() = "accessibility-authority";
    accessibility_known() = "accessibility-known";
    privacy_kept() = "privacy-kept";
    privacy_controller() = "privacy-controller";
    overview_none_yet() = "overview-none-yet";
    overview_none_for_clients() = "overview-none-for-clients";
    accessibility_tell() = "accessibility-tell";
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    #[test]
    fn every_language_has_exactly_the_declared_texts_with_the_declared_variables() {
        for language in Language::ALL {
            let texts = Texts::of(language);
            let declared: BTreeSet<_> = DECLARED.iter().map(|(key, _)| *key).collect();
            let written: BTreeSet<_> =
                language.source().lines().filter_map(|line| line.split_once(" = ")).map(|(key, _)| key).collect();
            assert_eq!(written, declared, "{language:?}");
            for (key, variables) in DECLARED {
                let (_, from) = language.source().split_once(&format!("\n{key} = ")).unwrap_or_default();
                let lines = from.lines().take(1).chain(from.lines().skip(1).take_while(|line| !line.contains(" = ")));
                let message = lines.collect::<Vec<_>>().join("\n");
                let used: BTreeSet<_> =
                    message.split("{ $").skip(1).filter_map(|rest| rest.split(' ').next()).collect();
                assert_eq!(used, variables.iter().copied().collect(), "{language:?} {key}");
                let values: Vec<_> = variables.iter().map(|name| (*name, "VALUE")).collect();
                let text = texts.text(key, &values);
                assert!(!text.is_empty() && text != *key && !text.contains('{'), "{language:?} {key}: {text}");
            }
        }
    }

    #[test]
    fn what_others_wrote_says_which_language_it_is_in() {
        let quoted = |nb: &str, nn: &str, en: &str, language| {
            let text = Translated { nb: nb.into(), nn: nn.into(), en: en.into(), others: BTreeMap::default() };
            let quoted = Quoted::new(&text, language);
            (quoted.to_string(), quoted.lang())
        };
        assert_eq!(quoted("skatt", "skatt", "tax", "en"), ("tax".to_owned(), ""));
        assert_eq!(quoted("skatt", "skatt", "skatt", "en"), ("skatt".to_owned(), " lang=\"nb\""));
        assert_eq!(quoted("skatt", "skatt", " ", "en"), ("skatt".to_owned(), " lang=\"nb\""));
        assert_eq!(quoted("", "", "tax", "nn"), ("tax".to_owned(), " lang=\"en\""));
        assert_eq!(quoted("skatt", "skatt", "tax", "nn"), ("skatt".to_owned(), ""));
        assert_eq!(quoted("", "", "", "nb"), (String::new(), ""));
        let package = Name { nb: "Skatt".into(), nn: None, en: None };
        assert_eq!(Quoted::name(&package, "nn").lang(), " lang=\"nb\"");
    }

    #[test]
    fn inserted_values_stand_as_they_are() {
        let text = Texts::of(Language::Nb).back_to_vendor("vendor.example");
        assert_eq!(text, "Tilbake til vendor.example");
    }
}
