//! Archives that contradict themselves, so that two readers would see two different files.

use super::super::Problem;
use super::build::{FLOATS, Member, Pickle, Zip};
use super::{load, refusal};

/// The fault of the entry `name` after `edit`.
fn entry_fault(name: &str, edit: impl FnOnce(&mut Vec<Member>)) -> &'static str {
    match refusal(&Zip::edited(edit)) {
        Problem::Entry { entry, fault } if entry == name => fault,
        other => panic!("another problem: {other}"),
    }
}

/// The fault of the archive with these bytes.
fn archive_fault(bytes: &[u8]) -> &'static str {
    match refusal(bytes) {
        Problem::Archive { fault, .. } => fault,
        other => panic!("another problem: {other}"),
    }
}

fn sound() -> Vec<u8> {
    Zip::edited(|_| ())
}

#[test]
fn a_sound_archive_is_read_with_and_without_zip64() {
    assert_eq!(load(&sound()).unwrap(), [("w".to_owned(), FLOATS.to_vec())]);
    let pickle = Pickle::new()
        .raw(b"}")
        .text("w")
        .view(0, &[2, 2], &[1, 2])
        .raw(b"s.")
        .bytes();
    let mut zip = Zip::of(&[("a b/data.pkl", &pickle), ("a b/data/0", &FLOATS)]);
    zip.zip64 = true;
    let transposed = [1.0_f32, 3.0, 2.0, 4.0].map(f32::to_le_bytes).concat();
    assert_eq!(load(&zip.bytes()).unwrap(), [("w".to_owned(), transposed)]);
}

#[test]
fn compressed_and_encrypted_entries_are_refused() {
    for method in [8, 9, 12, 93] {
        let fault = entry_fault("x/data/0", |members| members[1].method = method);
        assert!(fault.contains("is compressed"));
    }
    for bit in [0, 5, 6, 13] {
        let fault = entry_fault("x/data/0", |members| members[1].flags = 1 << bit);
        assert!(fault.contains("is encrypted"));
    }
}

#[test]
fn names_cannot_leave_the_folder_or_come_twice() {
    let renamed = |name: &str| {
        entry_fault(name, |members| {
            (members[1].name, members[1].local_name) = (name.into(), name.into());
        })
    };
    for name in [
        "x/../data/0",
        "x/./0",
        "x//0",
        "x/a\\b",
        "x/a\0b",
        "x/data/",
    ] {
        assert!(
            renamed(name).contains("leave the archive's folder"),
            "{name}"
        );
    }
    for name in ["../data/0", "/data/0"] {
        assert!(renamed(name).contains("folder"), "{name}");
    }
    assert!(renamed("y/data/0").contains("not in the one folder"));
    assert!(renamed("data").contains("not in the one folder"));
    assert!(renamed("x/data.pkl").contains("is there twice"));
    let flat = Zip::of(&[("data.pkl", b"N.")]).bytes();
    assert!(matches!(refusal(&flat), Problem::Entry { .. }));
    let not_text = Zip::edited(|members| members[1].name = b"x/\xff".to_vec());
    assert_eq!(
        archive_fault(&not_text),
        "the name of an entry is not UTF-8"
    );
    let long = Zip::edited(|members| members[1].name = [b'x'; 257].to_vec());
    assert!(matches!(refusal(&long), Problem::Limit { found: 257, .. }));
}

#[test]
fn directory_and_local_headers_must_agree() {
    let fault = |edit: fn(&mut Member)| entry_fault("x/data/0", |members| edit(&mut members[1]));
    assert!(fault(|member| member.local_name = b"x/data/9".into()).contains("another name"));
    assert!(fault(|member| member.local_name = b"x/data".into()).contains("another name"));
    assert!(fault(|member| member.local_len = 12).contains("another size"));
    assert!(fault(|member| member.listed_len = [16, 12]).contains("two sizes"));
    assert!(fault(|member| member.listed_len = [17, 17]).contains("another size"));
    let mut no_header = sound();
    let header = no_header
        .windows(4)
        .rposition(|bytes| bytes == b"PK\x03\x04")
        .unwrap();
    no_header[header] = b'Q';
    assert!(
        refusal(&no_header)
            .to_string()
            .contains("no header where the directory says")
    );
    // A shorter entry hides bytes, a longer one reaches into the directory.
    let resize = |member: &mut Member, len: u32| {
        (member.local_len, member.listed_len) = (len, [len; 2]);
    };
    let hidden = entry_fault("x/data/0", |members| resize(&mut members[1], 12));
    assert!(hidden.contains("belong to nothing"));
    let longer = entry_fault("x/data/0", |members| resize(&mut members[1], 17));
    assert!(longer.contains("overlaps"));
    let checksum = entry_fault("data.pkl", |members| members[0].crc ^= 1);
    assert!(checksum.contains("checksum"));
}

#[test]
fn entries_may_not_overlap() {
    // The second entry is inside the data of the first.
    let inner = Zip::of(&[("x/data/0", &FLOATS)]).bytes();
    let nested = Zip::edited(|members| {
        let mut outer = Zip::of(&[("x/data/1", &inner)]).members.remove(0);
        outer.listed_at = Some(0);
        members[1].listed_at = Some(38);
        members.insert(0, outer);
    });
    let problem = refusal(&nested);
    assert!(problem.to_string().contains("overlaps"), "{problem}");
    // Two names for the same bytes, as in zip bombs.
    let same = Zip::edited(|members| members[1].listed_at = Some(0));
    assert!(matches!(refusal(&same), Problem::Entry { .. }));
    let beyond = Zip::edited(|members| members[1].listed_at = Some(u32::MAX - 1));
    assert!(matches!(refusal(&beyond), Problem::Entry { .. }));
}

#[test]
fn bytes_around_the_archive_are_refused() {
    let behind = [sound(), b"x".to_vec()].concat();
    assert!(archive_fault(&behind).contains("behind its end"));
    let in_front = [b"PK\x03\x04".to_vec(), sound()].concat();
    assert!(archive_fault(&in_front).contains("not where the end record says"));
    // Four bytes that all offsets know of, as in programs that unpack themselves.
    let mut shifted = Zip::of(&[("x/data.pkl", b"N.")]);
    (shifted.members[0].listed_at, shifted.hole) = (Some(4), 4);
    let known = [b"PK\x03\x04".to_vec(), shifted.bytes()].concat();
    assert!(archive_fault(&known).contains("in front of the first entry"));
    let twice = [sound(), sound()].concat();
    assert!(archive_fault(&twice).contains("not where the end record says"));
    // A comment that hides a second archive.
    let mut comment = sound();
    let at = comment.len() - 2;
    comment[at] = 22;
    comment.extend_from_within(comment.len() - 22..);
    assert!(matches!(refusal(&comment), Problem::Archive { .. }));
    let len = comment.len();
    comment[len - 2] = 1;
    assert_eq!(archive_fault(&comment), "it has a comment");
}

/// Every field of the end record by one, or far, off.
#[test]
fn the_end_record_must_be_true() {
    for zip64 in [false, true] {
        let mut zip = Zip::of(&[("x/data.pkl", b"N.")]);
        zip.zip64 = zip64;
        let bytes = zip.bytes();
        let end = bytes.len() - 22;
        for field in [4, 6, 8, 10, 12, 16, 20] {
            for byte in [1, 0x7f] {
                let mut lying = bytes.clone();
                lying[end + field] ^= byte;
                assert!(
                    matches!(refusal(&lying), Problem::Archive { .. }),
                    "{field} {byte}"
                );
            }
        }
    }
    // One entry more in the directory than in the count.
    let mut fewer = sound();
    let end = fewer.len() - 22;
    fewer[end + 8] -= 1;
    fewer[end + 10] -= 1;
    assert!(archive_fault(&fewer).contains("more entries than it declares"));
    // A count or a length of directory that would need memory first.
    let mut zip = Zip::of(&[("x/data.pkl", b"N.")]);
    zip.zip64 = true;
    let bytes = zip.bytes();
    let end64 = bytes.len() - 22 - 20 - 56;
    for field in [4, 16, 20, 24, 32, 40, 48] {
        let mut lying = bytes.clone();
        lying[end64 + field + 3] ^= 0x40;
        let problem = refusal(&lying);
        assert!(
            matches!(problem, Problem::Archive { .. }),
            "{field}: {problem}"
        );
    }
    let mut lying = bytes.clone();
    lying[end64 + 24 + 2] = 0x40;
    lying[end64 + 32 + 2] = 0x40;
    lying[bytes.len() - 22 + 8..][..4].fill(0xff);
    assert!(matches!(
        refusal(&lying),
        Problem::Limit {
            what: "zip entries",
            ..
        }
    ));
}

/// 65,536 entries, the most there may be, each of them empty, and one more.
#[test]
fn many_entries_are_listed_fast() {
    let names: Vec<_> = (0..1 << 16).map(|index| format!("x/{index}")).collect();
    let members: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), [].as_slice()))
        .collect();
    let mut zip = Zip::of(&members);
    zip.zip64 = true;
    // The number of entries does not fit the 16 bits of the old record.
    let mut bytes = zip.bytes();
    let end = bytes.len() - 22;
    bytes[end + 8..][..4].fill(0xff);
    let problem = refusal(&bytes);
    assert!(problem.to_string().contains("is missing"), "{problem}");
    zip.members.push(zip.members[0].clone());
    let mut bytes = zip.bytes();
    let end = bytes.len() - 22;
    bytes[end + 8..][..4].fill(0xff);
    assert!(matches!(
        refusal(&bytes),
        Problem::Limit { found: 65_537, .. }
    ));
}

/// Everything that is kept at once, each at its limit: the zip directory, the pickle and its
/// values, the keys that are ignored, the tensors and their names.
#[test]
fn all_limits_together_fit_the_memory() {
    let key = "k".repeat(256);
    let wrapper = Pickle::new()
        .raw(b"}(")
        .text(&key)
        .raw(b"q\0N")
        .text("model");
    let ones = [1; 8];
    let dict = wrapper
        .raw(b"}(")
        .text("w")
        .view(0, &ones, &ones)
        .raw(b"q\x01");
    let dict = dict.raw(b"h\0h\x01".repeat((1 << 15) - 2)).text("padding");
    let list = dict
        .raw(b"](")
        .raw(vec![b'}'; 600_000])
        .raw(b"euh\0N")
        .raw(b"h\0N".repeat(32_000));
    let blob = list
        .raw(b"h\0B")
        .raw((6_u32 << 20).to_le_bytes())
        .raw(vec![0; 6 << 20]);
    let pickle = blob.raw(b"u.").bytes();

    let names: Vec<_> = (0..27_000)
        .map(|index| format!("x/{index:0>254}"))
        .collect();
    let mut members: Vec<(&str, &[u8])> = vec![("x/data.pkl", &pickle), ("x/data/0", &FLOATS)];
    members.extend(names.iter().map(|name| (name.as_str(), [].as_slice())));
    let problem = refusal(&Zip::of(&members).bytes());
    assert!(problem.to_string().contains("is there twice"), "{problem}");
}

#[test]
fn big_endian_and_foreign_archives_are_refused() {
    let pickle = Pickle::new()
        .raw(b"}")
        .text("w")
        .view(0, &[4], &[1])
        .raw(b"s.")
        .bytes();
    let with_order = |order: &[u8]| {
        let members: [(&str, &[u8]); 3] = [
            ("x/data.pkl", &pickle),
            ("x/byteorder", order),
            ("x/data/0", &FLOATS),
        ];
        Zip::of(&members).bytes()
    };
    assert_eq!(load(&with_order(b"little")).unwrap().len(), 1);
    assert!(matches!(
        refusal(&with_order(b"big")),
        Problem::OtherFormat { .. }
    ));
    let document = Zip::of(&[("word/document.xml", b"<xml/>")]).bytes();
    assert!(
        refusal(&document)
            .to_string()
            .contains("not a checkpoint of torch.save")
    );
    assert_eq!(archive_fault(&Zip::of(&[]).bytes()), "it has no entries");
}
