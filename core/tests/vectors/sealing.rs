//! Everything that is sealed.

use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use waymark_core::crypto::{
    AGREEMENT_KEY_LEN, AgreementPublicKey, AgreementSecretKey, CryptoError, EpochInfo, EpochKey,
    HEADER_LEN, Secret, StorageKey, open, open_epoch_key, open_roster, seal, seal_epoch_key,
    seal_roster,
};
use waymark_wire::padding;

use super::support::{counting, entropy, hex, hkdf};

pub(super) fn vectors() -> Value {
    json!({
        "epoch_keys": epoch_keys(),
        "agreement_keys": agreement_keys(),
        "entries": [sealed_entry(), sealed_roster()],
        "storage": storage(),
    })
}

fn recipient() -> AgreementSecretKey {
    AgreementSecretKey::from_seed(Secret::from(counting::<32>(1)))
}

fn epoch_keys() -> Value {
    let epoch_key = EpochKey::from_slice(&counting::<32>(0x30)).unwrap();
    let public = recipient().public_key().unwrap();
    let (zeros, space) = ([0; 32], counting::<32>(0x50));
    let places = [
        (zeros, zeros, None, 0_u16),
        (space, space, Some(space), 1),
        (space, counting(0x70), None, 0x0203),
    ];
    let mut entropy = entropy("sealed epoch keys");
    let sealed = places.map(|(space, predecessor, epoch, device)| {
        let info = EpochInfo::new(&space, &predecessor, epoch.as_ref(), device);
        let sealed = seal_epoch_key(&public, &info, &epoch_key, &mut entropy).unwrap();
        assert_eq!(
            open_epoch_key(&recipient(), &info, &sealed).as_ref(),
            Ok(&epoch_key)
        );
        let mut low = sealed;
        low[1_088..1_120].fill(0);
        assert_eq!(
            open_epoch_key(&recipient(), &info, &low),
            Err(CryptoError::NotOpened)
        );
        json!({
            "space": hex(space),
            "predecessor": hex(predecessor),
            "epoch": epoch.map(hex),
            "device": device,
            "info": hex(info.as_bytes()),
            "sealed": hex(sealed),
        })
    });
    json!({
        "recipient_seed": hex(counting::<32>(1)),
        "recipient_public": hex(public.to_bytes()),
        "epoch_key": hex(epoch_key.expose()),
        "sealed": sealed,
    })
}

fn agreement_keys() -> Value {
    let good = recipient().public_key().unwrap().to_bytes();
    let check = |bytes: &[u8]| match AgreementPublicKey::from_bytes(bytes) {
        Ok(_) => "ok",
        Err(CryptoError::Length { .. }) => "length",
        Err(CryptoError::UnusableKey("X25519 part is not canonical")) => "not_canonical",
        Err(CryptoError::UnusableKey("X25519 part has a low order")) => "low_order",
        Err(CryptoError::UnusableKey("ML-KEM part is not reduced")) => "not_reduced",
        Err(other) => panic!("{other}"),
    };
    let mut parts = vec![counting::<32>(9)];
    for (first, middle, last) in [
        (0x00, 0x00, 0x00),
        (0x01, 0x00, 0x00),
        (0xec, 0xff, 0x7f),
        (0xed, 0xff, 0x7f),
        (0xee, 0xff, 0x7f),
        (0xf6, 0xff, 0x7f),
        (0xff, 0xff, 0x7f),
        (0x00, 0x00, 0x80),
        (0x09, 0x00, 0x80),
        (0xec, 0xff, 0xff),
    ] {
        let mut part = [middle; 32];
        (part[0], part[31]) = (first, last);
        parts.push(part);
    }
    let order_8 = [
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    ];
    for text in order_8 {
        parts.push(std::array::from_fn(|at| {
            u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap()
        }));
    }
    let x25519 = parts.into_iter().map(|part| {
        let mut key = good;
        key[AGREEMENT_KEY_LEN - 32..].copy_from_slice(&part);
        json!({ "x25519": hex(part), "outcome": check(&key) })
    });
    // The first coefficient is the lower twelve bits of the first two bytes.
    let ml_kem = [3_328_u16, 3_329, 4_095].map(|coefficient| {
        let mut key = good;
        key[0] = coefficient.to_le_bytes()[0];
        key[1] = (key[1] & 0xf0) | coefficient.to_le_bytes()[1];
        json!({ "first_coefficient": coefficient, "outcome": check(&key) })
    });
    assert_eq!(check(&good[1..]), "length");
    json!({ "x25519": x25519.collect::<Vec<_>>(), "ml_kem": ml_kem })
}

struct Place {
    epoch_key: [u8; 32],
    space: [u8; 32],
    membership: [u8; 32],
    header: [u8; HEADER_LEN],
}

fn place() -> Place {
    Place {
        epoch_key: counting(0x30),
        space: counting(0x50),
        membership: counting(0x70),
        header: counting(0x90),
    }
}

fn info(label: &str, place: &Place) -> Vec<u8> {
    [
        label.as_bytes(),
        &place.space,
        &place.membership,
        &place.header,
    ]
    .concat()
}

fn padded() -> Vec<u8> {
    let mut text = b"went for a walk".to_vec();
    padding::pad(&mut text);
    text
}

fn sealed_entry() -> Value {
    let at = place();
    let key = EpochKey::from_slice(&at.epoch_key).unwrap();
    let sealed = seal(&key, &at.space, &at.membership, &at.header, padded()).unwrap();
    let opened = open(
        &key,
        &at.space,
        &at.membership,
        &at.header,
        sealed.as_slice(),
    );
    assert_eq!(opened, Ok(padded()));
    let one_off = hkdf(
        &at.header[36..],
        &at.epoch_key,
        &info("waymark/1 seal", &at),
        32,
    );
    described("batch", &at, &one_off, None, &sealed)
}

fn sealed_roster() -> Value {
    let at = place();
    let key = EpochKey::from_slice(&at.epoch_key).unwrap();
    let sealed = seal_roster(&key, &at.space, &at.membership, &at.header, &padded()).unwrap();
    let opened = open_roster(&key, &at.space, &at.membership, &at.header, &sealed);
    assert_eq!(opened, Ok(padded()));
    let derived = hkdf(
        &at.header[36..],
        &at.epoch_key,
        &info("waymark/1 seal roster", &at),
        64,
    );
    described("roster", &at, &derived[..32], Some(&derived[32..]), &sealed)
}

fn described(
    form: &str,
    at: &Place,
    one_off: &[u8],
    commitment: Option<&[u8]>,
    sealed: &[u8],
) -> Value {
    json!({
        "form": form,
        "epoch_key": hex(at.epoch_key),
        "space": hex(at.space),
        "membership_entry": hex(at.membership),
        "header": hex(at.header),
        "padded": hex(padded()),
        "one_off_key": hex(one_off),
        "commitment": commitment.map(hex),
        "sealed": hex(sealed),
    })
}

fn storage() -> Value {
    let (storage_key, salt) = (counting::<32>(0x11), counting::<16>(0xb0));
    let key = StorageKey::derive(&storage_key, &salt).unwrap();
    let mut entropy = entropy("nonces of rows");
    let rows = [
        (4_u8, &b"\0\0\0\x01"[..], &b"went for a walk"[..]),
        (1, b"", b""),
    ];
    let rows = rows.map(|(table, row, value)| {
        let sealed = key.seal(table, row, value, &mut entropy).unwrap();
        assert_eq!(key.open(table, row, &sealed).as_deref(), Ok(value));
        json!({ "table": table, "key": hex(row), "value": hex(value), "sealed": hex(sealed) })
    });
    let keyring = [b"waymark/1 keyring".as_slice(), &salt, key.check_value()].concat();
    json!({
        "storage_key": hex(storage_key),
        "salt": hex(salt),
        "database_key": hex(hkdf(&salt, &storage_key, b"waymark/1 storage", 32)),
        "check_value": hex(key.check_value()),
        "keyring_checksum": hex(digest(&SHA256, &keyring)),
        "rows": rows,
    })
}
