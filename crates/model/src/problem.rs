//! The one table of problem codes.
//!
//! Each refusal of the platform's APIs has a row: the code clients match on, the HTTP status, and the text that says
//! what is wrong and what to do. `docs/problems.md` is written from it.

/// A kind of refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProblemCode {
    /// What clients match on, for example `AUTH-00010`.
    pub code: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong and what to do, in a sentence or two. Clients show it.
    pub title: &'static str,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal $status:literal $title:literal;)*) => {
        $($(#[$doc])* pub const $name: ProblemCode = ProblemCode { code: $code, status: $status, title: $title };)*
        /// Every row, in order of code.
        pub const ALL: &[ProblemCode] = &[$($name),*];
    };
}

codes! {
    /// The parties are not connected.
    NOT_CONNECTED = "AM-00022" 400
        "There is no connection between the parties. Make one first.";
    /// A party that is not in the register.
    CONNECTED_PARTY_UNKNOWN = "AM-00023" 400
        "One of the parties is not known here. Check the ids.";
    /// A resource that is not in the registry, or has no policy.
    RESOURCE_INVALID = "AM-00027" 400
        "The resource is not in the resource registry, or has no policy yet. Check the id.";
    /// Nothing that the person has lets it pass this on.
    MAY_NOT_DELEGATE = "AM-00028" 403
        "You cannot pass on one or more of the rights. Ask for a delegation check to see why.";
    /// No key of a right.
    RIGHT_KEY_MISSING = "AM-00033" 400
        "The keys of the rights are missing. Send them as directRightKeys.";
    /// Not a key of one of the resource's rights.
    RIGHT_KEY_INVALID = "AM-00036" 400
        "One or more keys are not those of rights to the resource. Ask for a delegation check to see them.";
    /// Nothing that the person has lets it pass the package on.
    PACKAGE_CHECK_FAILED = "AM-00041" 400
        "You cannot pass on one or more of the packages. Ask for a delegation check to see why.";
    /// A resource that nobody can pass on.
    RESOURCE_NOT_DELEGABLE = "AM-00042" 400
        "Rights to the resource cannot be passed on.";
    /// The customer's organisation is not in the register.
    PARTY_UNKNOWN = "AUTH-00000" 400
        "The organisation is not known here. Check partyOrgNo: it must be a registered organisation, not a person.";
    /// A right that the system does not have, or that cannot be passed on.
    RIGHT_NOT_FOUND = "AUTH-00001" 400
        "One or more rights are not among those the system has registered. Register them on the system first, or ask for fewer.";
    /// The system user is there already.
    SYSTEM_USER_EXISTS = "AUTH-00004" 400
        "A system user already exists for this system, organisation and external reference. Use it, or ask with another externalRef.";
    /// A request of the other kind was accepted under the same triple.
    REQUEST_ACCEPTED = "AUTH-00006" 400
        "A request for this system, organisation and external reference has been accepted already. Use its system user, or delete the request first.";
    /// A request of the other kind waits under the same triple.
    REQUEST_PENDING = "AUTH-00007" 400
        "A request for this system, organisation and external reference already waits for an answer. Use it, or delete it first.";
    /// A request of the other kind was rejected under the same triple.
    REQUEST_REJECTED = "AUTH-00009" 400
        "A request for this system, organisation and external reference has been rejected. Delete it, then ask again.";
    /// No such request, for this caller.
    REQUEST_NOT_FOUND = "AUTH-00010" 404
        "There is no such request. Check the id; a request that was deleted is gone.";
    /// No such system, for this caller.
    SYSTEM_NOT_FOUND = "AUTH-00011" 404
        "There is no such system among yours. Check the system id, and that the system is not deleted.";
    /// The request has been answered.
    REQUEST_NOT_NEW = "AUTH-00013" 409
        "The request has already been answered or has timed out. Post a new one to ask again.";
    /// The delegation check could not be made.
    CHECK_FAILED = "AUTH-00014" 403
        "It could not be found out whether you can pass on one or more of the rights asked for: the resource is not known, or has no policy.";
    /// No such system user, for this caller.
    SYSTEM_USER_NOT_FOUND = "AUTH-00015" 404
        "There is no such system user. Check the id; a system user that was deleted is gone.";
    /// The person has no role that lets it pass the right on.
    RIGHT_NOT_DELEGABLE = "AUTH-00016" 403
        "You cannot pass on one or more of the rights asked for. Someone with another role in the organisation may be able to.";
    /// The person was not given the right, and no role or package gives it.
    RIGHT_NOT_DELEGATED = "AUTH-00018" 403
        "You cannot pass on one or more of the rights asked for: you were not given them. Someone with another role in the organisation may be able to.";
    /// The person is logged in at too low a level.
    LEVEL_TOO_LOW = "AUTH-00020" 403
        "You cannot pass on one or more of the rights asked for as you are logged in now. Log in at a higher level of security, and try again.";
    /// The redirect URL is not one of the system's.
    REDIRECT_NOT_REGISTERED = "AUTH-00021" 400
        "The redirect URL is not among those registered on the system. Scheme, host and path must be equal; the query may differ.";
    /// The token does not say which organisation calls.
    VENDOR_UNKNOWN = "AUTH-00023" 401
        "The token does not name the vendor's organisation. Use a Maskinporten token, whose consumer claim does.";
    /// The system user is another party's.
    SYSTEM_USER_OF_OTHER = "AUTH-00024" 403
        "The system user belongs to another organisation. Act for the one that owns it.";
    /// The system has no redirect URLs.
    REDIRECT_NONE_REGISTERED = "AUTH-00026" 400
        "The system has no redirect URLs registered. Register one on the system, or leave redirectUrl out.";
    /// Not an agent request.
    AGENT_REQUEST_NOT_FOUND = "AUTH-00030" 404
        "There is no such request for an agent's system user. Check the id; a request that was deleted is gone.";
    /// The client is not one of the system user's.
    CLIENT_NOT_REMOVED = "AUTH-00031" 400
        "The client could not be removed: the system user does not act for it, or is not an agent's of this organisation.";
    /// A system user of the standard kind.
    NOT_AGENT = "AUTH-00034" 400
        "The system user is not an agent's: it acts for its owner, and has no clients.";
    /// A system user of the agent kind.
    NOT_STANDARD = "AUTH-00036" 400
        "The system user is an agent's. Delete it as an agent's system user.";
    /// The party is not the one that owns the system user.
    DELEGATION_NOT_FOUND = "AUTH-00038" 400
        "The organisation named as the facilitator is not the one that owns the system user.";
    /// The standard request is another party's.
    REQUEST_OF_OTHER = "AUTH-00041" 403
        "The request is to another organisation. Act for the one that it is to.";
    /// The agent request is another party's.
    AGENT_REQUEST_OF_OTHER = "AUTH-00042" 403
        "The request is to another organisation. Act for the one that it is to.";
    /// The clients are another organisation's.
    CLIENTS_FORBIDDEN = "AUTH-00044" 403
        "The clients are those of another organisation. Name the organisation that you act for.";
    /// Packages that are not there.
    PACKAGE_INVALID = "AUTH-00052" 400
        "One or more of the access packages asked for are not known any more. Ask for others.";
    /// The person has nothing that lets it pass the package on.
    PACKAGE_NOT_DELEGABLE = "AUTH-00053" 400
        "You cannot pass on one or more of the access packages asked for. Someone with another role in the organisation may be able to.";
    /// An agent request asks for nothing.
    AGENT_NEEDS_PACKAGES = "AUTH-00058" 400
        "A request for an agent's system user asks for at least one access package.";
    /// A standard request asks for nothing.
    NOTHING_ASKED_FOR = "AUTH-00059" 400
        "A request asks for at least one right or access package.";
    /// The correlation id was used.
    CHANGE_REQUEST_NOT_NEW = "AUTH-00061" 409
        "A change request with this correlation id has been answered, has timed out or was withdrawn. Choose a new id.";
    /// A package that the system does not have.
    PACKAGE_NOT_IN_SYSTEM = "AUTH-00063" 400
        "One or more access packages are not among those the system has registered. Register them on the system first, or ask for fewer.";
    /// A package that cannot be given to a system user.
    PACKAGE_NOT_ASSIGNABLE = "AUTH-00064" 400
        "One or more access packages cannot be given to a system user for its own organisation. Ask for others.";
    /// A package that cannot be used for clients.
    PACKAGE_NOT_FOR_CLIENTS = "AUTH-00065" 400
        "One or more access packages cannot be used for clients. Ask for others.";
    /// The person may do nothing here.
    NOT_ACCESS_MANAGER = "AUTH-00066" 403
        "You do not administer access for the organisation that the request is to.";
    /// No package gives the person the right.
    RIGHT_NOT_IN_PACKAGE = "AUTH-00068" 403
        "You cannot pass on one or more of the rights asked for: you have no access package that gives them. Someone with another role in the organisation may be able to.";
    /// The organisation is on no access list of the resource.
    NOT_ON_ACCESS_LIST = "AUTH-00069" 403
        "The organisation is on no access list of one or more of the resources asked for. Their owners decide who is.";
    /// Nobody can pass the right on.
    RIGHT_NEVER_DELEGABLE = "AUTH-00070" 403
        "One or more of the rights asked for cannot be passed on by anybody.";
    /// The resource is an API, which is passed on as a scope.
    RIGHT_IS_SCHEMA = "AUTH-00071" 403
        "One or more of the resources asked for are APIs. They are passed on as scopes, not as rights.";
    /// Not one of the agent's clients.
    CLIENT_UNKNOWN = "AUTH-00079" 400
        "The party is not one of the organisation's clients.";
    /// The agent lacks packages for the client.
    CLIENT_LACKS_PACKAGES = "AUTH-00080" 400
        "The organisation does not have all of the system user's packages for this client. Ask the client for those that are missing.";
    /// A party that is not in the register.
    MEMBER_UNKNOWN = "RR-00001" 400
        "One or more parties are not known here. Check the numbers.";
    /// A resource that is not in the registry.
    LISTED_RESOURCE_UNKNOWN = "RR-00002" 400
        "The resource is not in the resource registry. Check the id.";
    /// An access list opens resources of its own owner only.
    LISTED_RESOURCE_FOREIGN = "RR-00004" 403
        "The resource belongs to another organisation than the access list.";
    /// Bad input to the system register; the entries of `validationErrors` say what.
    VALIDATION = "STD-00000" 400
        "One or more values are not valid. See validationErrors.";
}

/// Entries of `validationErrors` of a [`VALIDATION`] problem.
pub mod validation {
    /// A kind of bad value.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub struct ValidationCode {
        /// What clients match on, for example `AUTH.VLD-00002`.
        pub code: &'static str,
        /// Where in the request, as the wire has always written it.
        pub path: &'static str,
        /// What is wrong and what to do.
        pub title: &'static str,
    }

    macro_rules! codes {
        ($($(#[$doc:meta])* $name:ident = $code:literal $path:literal $title:literal;)*) => {
            $($(#[$doc])* pub const $name: ValidationCode = ValidationCode { code: $code, path: $path, title: $title };)*
            /// Every row, in order of code.
            pub const ALL: &[ValidationCode] = &[$($name),*];
        };
    }

    codes! {
        /// `vendor.ID` is not an organisation.
        VENDOR_ID = "AUTH.VLD-00000" "/registersystemrequest/vendor/id"
            "The vendor is not an organisation number in ISO 6523 form. Write 0192: and nine digits.";
        /// The id does not begin with the vendor's number.
        SYSTEM_ID_FORM = "AUTH.VLD-00001" "/registersystemrequest/systemid"
            "The system id does not begin with the vendor's organisation number and an underscore, or is longer than 255 characters.";
        /// The id is taken.
        SYSTEM_ID_EXISTS = "AUTH.VLD-00002" "/registersystemrequest/systemid"
            "The system id already exists. Ids of deleted systems are not free either; choose another.";
        /// A resource that is not in the registry.
        RESOURCE_NOT_FOUND = "AUTH.VLD-00003" "/registersystemrequest/rights/resource"
            "One or more resources are not in the resource registry.";
        /// A client id that belongs to another system.
        CLIENT_ID_TAKEN = "AUTH.VLD-00004" "/registersystemrequest/clientid"
            "One or more client ids already belong to another system. A client belongs to one system only.";
        /// A redirect URL that is not absolute https.
        REDIRECT_URL = "AUTH.VLD-00005" "/registersystemrequest/allowedredirecturls"
            "One or more redirect URLs are not absolute https URLs.";
        /// The same right twice.
        RIGHT_TWICE = "AUTH.VLD-00006" "/registersystemrequest/rights/resource"
            "The same right is listed more than once.";
        /// The same package twice.
        PACKAGE_TWICE = "AUTH.VLD-00007" "/registersystemrequest/accesspackages"
            "The same access package is listed more than once.";
        /// A package that is not there, or cannot be given to systems.
        PACKAGE_UNKNOWN = "AUTH.VLD-00008" "/registersystemrequest/accesspackages"
            "One or more access packages are not known, or cannot be given to a system.";
        /// The resource is named by something else than `urn:altinn:resource`.
        RESOURCE_ATTRIBUTE_ID = "AUTH.VLD-00009" "/registersystemrequest/rights/resource"
            "A right names its resource by the attribute urn:altinn:resource and no other.";
        /// The same client id twice.
        CLIENT_ID_TWICE = "AUTH.VLD-00011" "/registersystemrequest/clientid"
            "The same client id is listed more than once.";
        /// The id of the body is not that of the address.
        SYSTEM_ID_OTHER = "AUTH.VLD-00012" "/registersystemrequest/systemid"
            "The id in the body is not that of the address. The id of a system cannot be changed.";
        /// White space in the id.
        SYSTEM_ID_SPACE = "AUTH.VLD-00013" "/registersystemrequest/systemid"
            "The system id has a space in it.";
        /// No system user is named.
        AGENT_MISSING = "AUTH.VLD-00014" "?agent"
            "The parameter agent is missing. It is the id of an agent's system user.";
        /// The one that is named is not there.
        AGENT_UNKNOWN = "AUTH.VLD-00014" "?agent"
            "There is no system user with the id in the parameter agent.";
        /// Not an agent's.
        AGENT_KIND = "AUTH.VLD-00015" "?agent"
            "The system user is not an agent's.";
        /// No client.
        CLIENT_MISSING = "AUTH.VLD-00016" "?client"
            "The parameter client is missing, or is not the id of a party.";
        /// A resource of a kind that is not given as a right.
        RESOURCE_NOT_DELEGABLE = "AUTH.VLD-00017" "/registersystemrequest/rights/resource"
            "One or more resources are of a kind that cannot be given to a system.";
        /// A system that customers find, with packages that are for clients only.
        VISIBLE_WITH_CLIENT_PACKAGE = "AUTH.VLD-00018" "/registersystemrequest/accesspackages"
            "A system that customers find in the portal (isVisible) cannot have packages that are for clients of agents only. Set isVisible to false, or leave them out.";
        /// A party that cannot be given this.
        ENTITY_TYPE = "AM.VLD-00008" "/$QUERY/to"
            "The receiver cannot be given this: packages of organisations are for system users of the same organisation, and some packages are for persons only.";
        /// A connection with something given.
        CONNECTION_IN_USE = "AM.VLD-00010" "/$QUERY/cascade"
            "There are packages or rights on the connection. Take them back first, or say cascade=true.";
        /// Nothing to remove.
        CONNECTION_MISSING = "AM.VLD-00011" "/$QUERY/to"
            "There is no such connection.";
        /// No package, or one that is not there.
        PACKAGE_ARGUMENT = "AM.VLD-00028" "/$QUERY/package"
            "Give one known package, by package (URN) or packageId.";
        /// Neither giver nor receiver is the party that is acted for.
        PARTY_ARGUMENT = "AM.VLD-00031" "/$QUERY/party"
            "The party that you act for must be the one that gives (from) or receives (to).";
        /// Too many members to replace those there are.
        MEMBERS_REPLACED_TOO_MANY = "RR.VLD-00000" "/data"
            "At most 100 members can be sent at once. Replace with the first, then add the others.";
        /// Too many members to add or remove.
        MEMBERS_TOO_MANY = "RR.VLD-00001" "/data"
            "At most 100 members can be sent at once. Send the others in another call.";
        /// Resources are included for one resource.
        INCLUDE_WITHOUT_RESOURCE = "RR.VLD-00002" "/$QUERY/include"
            "To include resource connections, say for which resource in the parameter resource.";
        /// No party.
        PARTY_MISSING = "RR.VLD-00003" "/$QUERY/party"
            "The parameter party is missing. Give a party as a URN.";
        /// Not a party.
        PARTY_URN = "RR.VLD-00004" "/$QUERY/party"
            "The party is not a URN of one. Write urn:altinn:organization:identifier-no: and nine digits, or the party's uuid or id.";
        /// Not a resource.
        RESOURCE_URN = "RR.VLD-00005" "/$QUERY/resource"
            "The resource is not a URN of one. Write urn:altinn:resource: and the id.";
        /// Several parties.
        PARTIES_TOO_MANY = "RR.VLD-00006" "/$QUERY/party"
            "One party can be asked for at a time.";
        /// Several resources.
        RESOURCES_TOO_MANY = "RR.VLD-00007" "/$QUERY/resource"
            "One resource can be asked for at a time.";
        /// A page of no or too many entries.
        UPDATED_LIMIT = "RR.VLD-00008" "/$QUERY/limit"
            "The limit is 1 to 1000.";
        /// A page of no or too many entries.
        CHANGES_LIMIT = "RR.VLD-00011" "/$QUERY/limit"
            "The limit is 1 to 1000.";
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    #[test]
    fn every_code_has_one_row() {
        let codes: HashSet<_> = super::ALL.iter().map(|row| row.code).collect();
        assert_eq!(codes.len(), super::ALL.len());
        // Clients know one code for a system user that is not named and one that is not there; the titles differ.
        let rows: HashSet<_> = super::validation::ALL.iter().map(|row| (row.code, row.title)).collect();
        assert_eq!(rows.len(), super::validation::ALL.len());
        let codes: HashSet<_> = super::validation::ALL.iter().map(|row| row.code).collect();
        assert_eq!(codes.len(), super::validation::ALL.len() - 1);
    }
}
