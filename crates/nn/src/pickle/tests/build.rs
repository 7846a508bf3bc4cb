//! Builds pickles and zip archives byte by byte, also those that no sound program would write.

/// A pickle in the making. Each method appends one instruction, or the few that make one value.
#[derive(Debug, Clone)]
pub(super) struct Pickle(Vec<u8>);

impl Pickle {
    pub(super) fn new() -> Self {
        Self(vec![0x80, 2])
    }

    /// Any bytes, for instructions without a method.
    pub(super) fn raw(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.0.extend_from_slice(bytes.as_ref());
        self
    }

    pub(super) fn text(self, text: &str) -> Self {
        self.raw(b"X")
            .raw((text.len() as u32).to_le_bytes())
            .raw(text)
    }

    pub(super) fn int(self, number: i64) -> Self {
        self.raw([0x8a, 8]).raw(number.to_le_bytes())
    }

    pub(super) fn ints(self, numbers: &[i64]) -> Self {
        numbers
            .iter()
            .fold(self.raw(b"("), |pickle, &number| pickle.int(number))
            .raw(b"t")
    }

    pub(super) fn global(self, module: &str, name: &str) -> Self {
        self.raw(format!("c{module}\n{name}\n"))
    }

    /// A reference to a storage, as `("storage", torch.FloatStorage, "0", "cpu", 4)`.
    pub(super) fn storage(self, class: &str, key: &str, numel: i64) -> Self {
        let tag = self.raw(b"(").text("storage").global("torch", class);
        tag.text(key).text("cpu").int(numel).raw(b"tQ")
    }

    /// A view of four floats in storage 0.
    pub(super) fn view(self, offset: i64, shape: &[i64], strides: &[i64]) -> Self {
        let call = self.global("torch._utils", "_rebuild_tensor_v2").raw(b"(");
        let view = call
            .storage("FloatStorage", "0", 4)
            .int(offset)
            .ints(shape)
            .ints(strides);
        view.raw(b"\x89}tR")
    }

    pub(super) fn bytes(self) -> Vec<u8> {
        self.0
    }

    /// The archive around this pickle and a storage of four floats.
    pub(super) fn archive(self) -> Vec<u8> {
        let pickle = self.raw(b".").0;
        Zip::of(&[("x/data.pkl", &pickle), ("x/data/0", &FLOATS)]).bytes()
    }
}

/// The floats 1, 2, 3, 4.
pub(super) const FLOATS: [u8; 16] = [0, 0, 128, 63, 0, 0, 0, 64, 0, 0, 64, 64, 0, 0, 128, 64];

/// A state dict of one tensor `w`, a view of four floats.
pub(super) fn one_tensor(offset: i64, shape: &[i64], strides: &[i64]) -> Vec<u8> {
    Pickle::new()
        .raw(b"}")
        .text("w")
        .view(offset, shape, strides)
        .raw(b"s")
        .archive()
}

/// An archive in the making.
#[derive(Debug, Clone)]
pub(super) struct Zip {
    pub(super) members: Vec<Member>,
    /// Whether to write the zip64 end records.
    pub(super) zip64: bool,
    /// Bytes of the entries that are not written, so that the directory is so much further on.
    pub(super) hole: u64,
}

/// One entry. The fields that repeat a fact can be made to lie.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub(super) name: Vec<u8>,
    pub(super) data: Vec<u8>,
    pub(super) flags: u16,
    pub(super) method: u16,
    pub(super) crc: u32,
    /// Length in the local header.
    pub(super) local_len: u32,
    /// Name in the local header.
    pub(super) local_name: Vec<u8>,
    /// Lengths in the directory: as stored, and unpacked.
    pub(super) listed_len: [u32; 2],
    /// Where the directory says that the local header is; the truth if `None`.
    pub(super) listed_at: Option<u32>,
    /// The extra field in the directory.
    pub(super) extra: Vec<u8>,
}

impl Zip {
    pub(super) fn of(members: &[(&str, &[u8])]) -> Self {
        let member = |&(name, data): &(&str, &[u8])| Member {
            name: name.into(),
            data: data.into(),
            flags: 0,
            method: 0,
            crc: super::super::crc32::Crc32::of(data),
            local_len: data.len() as u32,
            local_name: name.into(),
            listed_len: [data.len() as u32; 2],
            listed_at: None,
            extra: Vec::new(),
        };
        Self {
            members: members.iter().map(member).collect(),
            zip64: false,
            hole: 0,
        }
    }

    /// A sound archive of one tensor, whose entries `edit` may change.
    pub(super) fn edited(edit: impl FnOnce(&mut Vec<Member>)) -> Vec<u8> {
        let sound = Pickle::new()
            .raw(b"}")
            .text("w")
            .view(0, &[2, 2], &[2, 1])
            .raw(b"s.")
            .0;
        let mut zip = Self::of(&[("x/data.pkl", &sound), ("x/data/0", &FLOATS)]);
        edit(&mut zip.members);
        zip.bytes()
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut file = Vec::new();
        let mut directory = Vec::new();
        for member in &self.members {
            let at = member.listed_at.unwrap_or(file.len() as u32);
            let u16s = |numbers: &[u16]| numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
            let shared: Vec<u8> = u16s(&[20, member.flags, member.method, 0, 0]);

            file.extend(b"PK\x03\x04");
            file.extend(&shared);
            for number in [member.crc, member.local_len, member.local_len] {
                file.extend(number.to_le_bytes());
            }
            file.extend((member.local_name.len() as u32).to_le_bytes());
            file.extend(member.local_name.iter().chain(&member.data));

            directory.extend(b"PK\x01\x02\0\0");
            directory.extend(&shared);
            for number in [member.crc, member.listed_len[0], member.listed_len[1]] {
                directory.extend(number.to_le_bytes());
            }
            let lengths = [member.name.len() as u16, member.extra.len() as u16];
            directory.extend::<Vec<u8>>(u16s(&lengths));
            directory.extend([0; 10]);
            directory.extend(at.to_le_bytes());
            directory.extend(member.name.iter().chain(&member.extra));
        }
        let at = file.len() as u64 + self.hole;
        let (len, count) = (directory.len() as u64, self.members.len() as u64);
        file.extend(directory);
        if self.zip64 {
            let end64_at = at + len;
            file.extend(b"PK\x06\x06\x2c\0\0\0\0\0\0\0");
            file.extend([0; 12]);
            for number in [count, count, len, at] {
                file.extend(number.to_le_bytes());
            }
            file.extend(b"PK\x06\x07\0\0\0\0");
            file.extend(end64_at.to_le_bytes());
            file.extend([1, 0, 0, 0]);
        }
        file.extend(b"PK\x05\x06\0\0\0\0");
        file.extend([count as u16; 2].iter().flat_map(|n| n.to_le_bytes()));
        let saturated = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        file.extend(
            [saturated(len), saturated(at)]
                .iter()
                .flat_map(|n| n.to_le_bytes()),
        );
        file.extend([0, 0]);
        file
    }
}
