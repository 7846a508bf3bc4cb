//! Writes PyTorch checkpoints as `torch.save` does, so that tests have some of any content.

/// A named tensor: shape and numbers.
pub(crate) type Tensor = (String, Vec<usize>, Vec<f32>);

/// A checkpoint of `f32` tensors: a zip archive of a pickle and one storage for each tensor.
pub(crate) fn checkpoint(tensors: &[Tensor]) -> Vec<u8> {
    let mut pickle = b"\x80\x02}(".to_vec();
    for (index, (name, shape, values)) in tensors.iter().enumerate() {
        text(&mut pickle, name);
        global(&mut pickle, "torch._utils", "_rebuild_tensor_v2");
        pickle.extend(b"((");
        text(&mut pickle, "storage");
        global(&mut pickle, "torch", "FloatStorage");
        text(&mut pickle, &index.to_string());
        text(&mut pickle, "cpu");
        int(&mut pickle, values.len());
        pickle.extend(b"tQ");
        int(&mut pickle, 0);
        let mut strides = vec![1; shape.len()];
        for axis in (1..shape.len()).rev() {
            strides[axis - 1] = strides[axis] * shape[axis];
        }
        for numbers in [shape, &strides] {
            pickle.push(b'(');
            numbers.iter().for_each(|&number| int(&mut pickle, number));
            pickle.push(b't');
        }
        global(&mut pickle, "collections", "OrderedDict");
        // No gradient; hooks are an empty dictionary.
        let hooks = pickle.split_off(pickle.len() - "ccollections\nOrderedDict\n".len());
        pickle.push(b'\x89');
        pickle.extend(hooks);
        pickle.extend(b")RtR");
    }
    pickle.extend(b"u.");
    let mut members = vec![("archive/data.pkl".to_owned(), pickle)];
    for (index, (_, _, values)) in tensors.iter().enumerate() {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes());
        members.push((format!("archive/data/{index}"), bytes.collect()));
    }
    zip(&members)
}

fn text(pickle: &mut Vec<u8>, text: &str) {
    pickle.push(b'X');
    pickle.extend((text.len() as u32).to_le_bytes());
    pickle.extend(text.as_bytes());
}

fn int(pickle: &mut Vec<u8>, number: usize) {
    pickle.push(b'J');
    pickle.extend(i32::try_from(number).unwrap().to_le_bytes());
}

fn global(pickle: &mut Vec<u8>, module: &str, name: &str) {
    pickle.extend(format!("c{module}\n{name}\n").as_bytes());
}

/// A zip archive without compression.
fn zip(members: &[(String, Vec<u8>)]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, data) in members {
        let at = file.len() as u32;
        let mut head = vec![20, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        head.extend(crc32(data).to_le_bytes());
        head.extend([(data.len() as u32).to_le_bytes(); 2].concat());
        head.extend((name.len() as u32).to_le_bytes()); // No extra field.
        file.extend(b"PK\x03\x04");
        file.extend(&head);
        file.extend(name.as_bytes());
        file.extend(data);
        directory.extend(b"PK\x01\x02\0\0");
        directory.extend(&head);
        directory.extend([0; 10]);
        directory.extend(at.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (at, len) = (file.len() as u32, directory.len() as u32);
    file.extend(directory);
    file.extend(b"PK\x05\x06\0\0\0\0");
    file.extend([(members.len() as u16).to_le_bytes(); 2].concat());
    file.extend([len.to_le_bytes(), at.to_le_bytes()].concat());
    file.extend([0, 0]);
    file
}

fn crc32(data: &[u8]) -> u32 {
    !data.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}
