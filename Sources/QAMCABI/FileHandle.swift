import CQAMW
import QAMFormat
import Synchronization

/// The object behind a `qamw_file`: the reader, and the C forms of requested items, to which C keeps pointers. Each is created on first
/// use.
@safe final class FileHandle: Sendable {
    let reader: QAMReader
    private let lent = unsafe Mutex(Lent())

    init(_ reader: QAMReader) { self.reader = reader }

    /// The view of the tensor at an index from C, always the same object: it caches its decoder, which takes longer to make than a row to
    /// decode.
    func view(_ index: UInt64) throws -> TensorView {
        let index = try reader.tensors.checkedIndex(index, "tensor")
        return try unsafe lent.withLock { lent in
            if let known = unsafe lent.views[index] { return known }
            let made = try reader.tensor(at: index)
            unsafe lent.views[index] = made
            return made
        }
    }

    @unsafe func tensor(_ index: Int) throws -> qamw_tensor {
        let view = try reader.tensor(at: index)
        return try unsafe lent.withLock { lent in
            if let known = unsafe lent.tensors[index] { return unsafe known }
            let made = try unsafe qamw_tensor(view, storage: reader.tensors[index].storage, &lent.memory)
            unsafe lent.tensors[index] = made
            return unsafe made
        }
    }

    @unsafe func metadata(_ index: Int) -> qamw_metadata {
        unsafe lent.withLock { lent in
            if let known = unsafe lent.metadata[index] { return unsafe known }
            let made = unsafe qamw_metadata(reader.metadata.entries[index], &lent.memory)
            unsafe lent.metadata[index] = made
            return unsafe made
        }
    }

    @unsafe func embedded(_ index: Int) -> qamw_embedded {
        let file = reader.files[index]
        return unsafe lent.withLock { lent in
            if let known = unsafe lent.embedded[index] { return unsafe known }
            let made = unsafe qamw_embedded(size: 0, reserved: 0, name: lent.memory.text(file.name), bytes: UInt64(file.byteCount))
            unsafe lent.embedded[index] = made
            return unsafe made
        }
    }

    @unsafe func warning(_ index: Int) -> qamw_string {
        unsafe lent.withLock { lent in
            if let known = unsafe lent.warnings[index] { return unsafe known }
            let made = unsafe lent.memory.string(reader.warnings[index])
            unsafe lent.warnings[index] = made
            return unsafe made
        }
    }

    /// A part of a tensor in place; the codebook, which is not mapped, as a copy.
    @unsafe func part(_ part: TensorPart, of view: TensorView) throws -> UnsafeRawBufferPointer {
        guard part == .codebook else {
            return try unsafe view.withBytes(of: part) { bytes in unsafe bytes.withUnsafeBytes { unsafe $0 } }
        }
        let record = try view.withBytes(of: part) { bytes in unsafe bytes.withUnsafeBytes { unsafe Array($0) } }
        let copy = unsafe lent.withLock { lent in
            if let known = unsafe lent.codebooks[view.index] { return unsafe known }
            let made = unsafe lent.memory.bytes(record)
            unsafe lent.codebooks[view.index] = made
            return unsafe made
        }
        return unsafe UnsafeRawBufferPointer(start: copy.text, count: Int(copy.bytes))
    }
}

/// Memory that C has pointers into, and items by index.
@unsafe private struct Lent: ~Copyable {
    var memory = LentMemory()
    var views: [Int: TensorView] = [:]
    var tensors: [Int: qamw_tensor] = unsafe [:]
    var metadata: [Int: qamw_metadata] = unsafe [:]
    var embedded: [Int: qamw_embedded] = unsafe [:]
    var warnings: [Int: qamw_string] = unsafe [:]
    var codebooks: [Int: qamw_string] = unsafe [:]
}

// Unchecked because pointers are not Sendable: the memory behind these is never written again.
extension qamw_tensor: @unchecked @retroactive Sendable {}
extension qamw_metadata: @unchecked @retroactive Sendable {}
extension qamw_embedded: @unchecked @retroactive Sendable {}
extension qamw_string: @unchecked @retroactive Sendable {}
