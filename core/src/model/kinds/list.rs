//! What is made of the list of kinds.

/// Makes of the list: the kinds, a record of any kind, and the way from one to the other; and of its
/// items what people say with them.
macro_rules! kinds {
    (
        records { $($(#[$rdoc:meta])* $rnumber:literal $rkind:ident $rmodule:ident::$record:ident,)+ }
        items {
            $($(#[$idoc:meta])* $inumber:literal $ikind:ident $imodule:ident::$fields:ident as $content:ident,)+
        }
    ) => {
        /// What an item says: the fields of its kind.
        #[derive(Clone, Debug, PartialEq, Serialize)]
        #[serde(rename_all = "snake_case", untagged)]
        #[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
        #[non_exhaustive]
        pub enum Content {
            $($(#[$idoc])* $content($imodule::$fields),)+
        }

        impl Content {
            /// The kind that says this.
            pub const fn kind(&self) -> Kind {
                match self { $(Self::$content(_) => Kind::$ikind,)+ }
            }

            /// What holds for its kind.
            pub(crate) const fn rules(&self) -> &'static Rules {
                match self { $(Self::$content(_) => const { &Rules::of::<$imodule::$fields>() },)+ }
            }

            /// Decodes what an item of a kind says.
            pub(crate) fn decode(
                kind: Kind,
                d: &mut Decoder<'_>,
            ) -> Result<Self, minicbor::decode::Error> {
                match kind {
                    $(Kind::$ikind => d.decode().map(Self::$content),)+
                    _ => Err(minicbor::decode::Error::message("no kind of item")),
                }
            }

            /// See [`Fields::check`].
            pub(crate) fn check(&self) -> Result<(), InputError> {
                match self { $(Self::$content(fields) => fields.check(),)+ }
            }

            /// See [`Fields::links`].
            pub(crate) fn links(&self) -> Vec<Link> {
                match self { $(Self::$content(fields) => fields.links(),)+ }
            }

            /// See [`Fields::rating`].
            pub(crate) fn rating(&self) -> Option<Rating> {
                match self { $(Self::$content(fields) => fields.rating(),)+ }
            }

            /// See [`Fields::only_for`].
            pub(crate) fn only_for(&self) -> Option<RecordId> {
                match self { $(Self::$content(fields) => fields.only_for(),)+ }
            }

            /// See [`Fields::may_write`].
            pub(crate) fn may_write(&self, role: Role) -> bool {
                match self { $(Self::$content(fields) => fields.may_write(role),)+ }
            }

            /// See [`Fields::may_replace`].
            pub(crate) fn may_replace(&self, role: Role) -> bool {
                match self { $(Self::$content(fields) => fields.may_replace(role),)+ }
            }

            /// See [`Fields::is_settled`].
            pub(crate) fn is_settled(&self) -> bool {
                match self { $(Self::$content(fields) => fields.is_settled(),)+ }
            }
        }

        impl<C> Encode<C> for Content {
            fn encode<W: Write>(
                &self,
                e: &mut Encoder<W>,
                _: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                match self { $(Self::$content(fields) => fields.encode(e, &mut ()),)+ }
            }
        }

        impl Kind {
            /// What holds for a kind of item; `None` for another.
            pub(crate) const fn rules(self) -> Option<&'static Rules> {
                match self {
                    $(Self::$ikind => Some(const { &Rules::of::<$imodule::$fields>() }),)+
                    _ => None,
                }
            }
        }

        /// For each kind of item one that fills every field, and how many keys its fields have.
        #[cfg(test)]
        pub(crate) fn samples(space: &mut crate::model::testing::Space) -> Vec<(Content, u64)> {
            vec![$(($imodule::$fields::sample(space).into(), $imodule::$fields::KEYS),)+]
        }

        /// What holds for each kind of item, in the order of the list.
        #[cfg(test)]
        pub(crate) const RULES: &[Rules] = &[$(Rules::of::<$imodule::$fields>(),)+];

        $(impl From<$imodule::$fields> for Content {
            fn from(fields: $imodule::$fields) -> Self {
                Self::$content(fields)
            }
        })+

        $(impl kind_of::Said for $imodule::$fields {
            fn of(content: Content) -> Option<Self> {
                match content {
                    Content::$content(fields) => Some(fields),
                    _ => None,
                }
            }

            fn of_ref(content: &Content) -> Option<&Self> {
                match content {
                    Content::$content(fields) => Some(fields),
                    _ => None,
                }
            }
        })+

        /// What a record is.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
        #[serde(rename_all = "snake_case")]
        #[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
        pub enum Kind {
            $($(#[$rdoc])* $rkind,)+
            $($(#[$idoc])* $ikind,)+
        }

        impl Kind {
            /// Every kind, in the order of the list: what a record may speak of comes first.
            pub const ALL: &'static [Self] = &[$(Self::$rkind,)+ $(Self::$ikind,)+];

            /// The number in records.
            pub const fn number(self) -> u16 {
                match self { $(Self::$rkind => $rnumber,)+ $(Self::$ikind => $inumber,)+ }
            }

            /// The kind with that number; `None` if it is not known to this version.
            pub const fn of_number(number: u16) -> Option<Self> {
                match number {
                    $($rnumber => Some(Self::$rkind),)+
                    $($inumber => Some(Self::$ikind),)+
                    _ => None,
                }
            }

            /// Which roles may write a record of this kind. Some records are open to fewer: a
            /// therapist's status only proposes.
            pub const fn writers(self) -> &'static [Role] {
                match self {
                    $(Self::$rkind => $rmodule::$record::WRITERS,)+
                    $(Self::$ikind => $imodule::$fields::WRITERS,)+
                }
            }
        }

        impl Record {
            /// Decodes strict bytes of a known kind.
            pub(crate) fn decode(kind: Kind, bytes: &[u8]) -> Result<Self, Reason> {
                match kind {
                    $(Kind::$rkind => minicbor::decode(bytes).map(Self::$rkind),)+
                    _ => match kind.rules() {
                        Some(rules) => Item::decode(rules, bytes).map(Self::Item),
                        None => Err(minicbor::decode::Error::message("no kind of item")),
                    },
                }
                // Codes that this version does not know are the only errors of their own kind.
                .map_err(|error| match error.is_custom() {
                    true => Reason::NeedsNewerApp,
                    false => Reason::Malformed,
                })
            }

            /// Its kind.
            pub(crate) const fn kind(&self) -> Kind {
                match self {
                    $(Self::$rkind(_) => Kind::$rkind,)+
                    Self::Item(item) => item.rules.kind,
                }
            }
        }

        kinds! { @records $($rkind [$rmodule::$record],)+ Item [Item], }
    };
    (@records $($kind:ident [$record:ty],)+) => {
        /// A record of any kind.
        #[derive(Clone, Debug)]
        pub(crate) enum Record {
            $($kind($record),)+
        }

        impl Record {
            /// See [`RecordKind::check`].
            pub(crate) fn check(&self) -> Result<(), Reason> {
                match self { $(Self::$kind(record) => record.check(),)+ }
            }

            /// See [`RecordKind::home`].
            pub(crate) fn home(&self) -> Result<Home, Reason> {
                match self { $(Self::$kind(record) => record.home(),)+ }
            }

            /// See [`RecordKind::may_write`].
            pub(crate) fn may_write(&self, role: Role) -> bool {
                match self { $(Self::$kind(record) => record.may_write(role),)+ }
            }

            /// See [`RecordKind::WITHDRAWABLE`].
            pub(crate) const fn is_withdrawable(&self) -> bool {
                match self { $(Self::$kind(_) => <$record>::WITHDRAWABLE,)+ }
            }

            /// See [`RecordKind::is_of_plan`].
            pub(crate) fn is_of_plan(&self) -> bool {
                match self { $(Self::$kind(record) => record.is_of_plan(),)+ }
            }

            /// See [`RecordKind::links`].
            pub(crate) fn links(&self) -> Vec<RecordId> {
                match self { $(Self::$kind(record) => record.links(),)+ }
            }

            /// See [`RecordKind::belongs_to`].
            pub(crate) fn belongs_to(&self) -> Vec<RecordId> {
                match self { $(Self::$kind(record) => record.belongs_to(),)+ }
            }

            /// See [`RecordKind::replaces`].
            pub(crate) fn replaces(&self) -> Vec<RecordId> {
                match self { $(Self::$kind(record) => record.replaces(),)+ }
            }

            /// See [`RecordKind::fits`].
            pub(crate) fn fits(&self, plan: &Records) -> Result<(), Reason> {
                match self { $(Self::$kind(record) => RecordKind::fits(record, plan),)+ }
            }

            /// See [`RecordKind::refer`].
            pub(crate) fn refer(
                &self,
                id: RecordId,
                authors: &[Author],
                records: &Records,
            ) -> Result<(), Reason> {
                match self {
                    $(Self::$kind(record) => {
                        <$record>::refer(Entry { id, authors, record }, records)
                    })+
                }
            }
        }

        $(impl kind_of::Of for $record {
            fn of(record: &Record) -> Option<&Self> {
                match record {
                    Record::$kind(record) => Some(record),
                    _ => None,
                }
            }
        })+
    };
}
