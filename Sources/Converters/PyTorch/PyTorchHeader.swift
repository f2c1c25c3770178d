internal import QAMFormat

/// What a PyTorch file says of its tensors, read from untrusted input and fully validated: the archive's directory, the pickle, and that
/// every tensor lies within its storage.
struct PyTorchHeader {
    /// Where a tensor's elements lie.
    enum Place: Hashable, Sendable {
        /// One after the other: the range of the file.
        case contiguous(Range<Int>)
        case strided(StridedView)
        /// Nowhere: an alias.
        case none
    }

    /// The maximum size of the pickle in bytes, as for headers of safetensors.
    private static let maximumLength = 100_000_000
    /// Views may repeat elements of their storages. All tensors together have at most this many bytes more, and this many times those of
    /// the file.
    private static let maximumRepetition = (bytes: 64 << 20, factor: 8)

    private(set) var tensors: [TensorDescriptor] = []
    private(set) var places: [Place] = []
    /// The entry of the archive that each tensor lies in.
    private(set) var storages: [Int] = []
    let archive: ZipArchive
    /// XXH3 of the pickle.
    let hash: UInt64
    let warnings: [String]

    /// Throws `malformed`, `truncated`, `unsupported` or `limitExceeded`. O(n log n) for n tensors and entries.
    init(reading file: any ByteSource) throws {
        let archive = try ZipArchive(reading: file)
        let records = try TorchRecords(archive, in: file)
        guard records.pickle.count <= Self.maximumLength else {
            throw QAMError(
                .limitExceeded, "a pickle of \(records.pickle.count) bytes is beyond the limit of \(Self.maximumLength)",
                at: .init(section: PickleMachine.section))
        }
        let pickle = try file.read(records.pickle)
        let (value, machine) = try PickleMachine.run(pickle, base: records.pickle.lowerBound)
        let state = try TorchStateDict(value, machine)
        self.archive = archive
        hash = XXH3.hash(pickle)
        warnings = state.warnings
        try place(state.items, machine.tensors, records, fileBytes: file.byteCount)
    }

    private mutating func place(_ items: [TorchStateDict.Item], _ all: [TorchTensor], _ records: TorchRecords, fileBytes: Int) throws {
        struct Key: Hashable {
            var place: Place
            var shape: [Int]
            var dtype: DType
        }
        var first: [Key: Int] = [:]
        var totals = TensorTotals()
        for item in items {
            do {
                let tensor = all[item.tensor]
                guard let dtype = tensor.type.dtype else {
                    throw QAMError(.unsupported, "its type \(tensor.type.name) is not known here: save it as another type")
                }
                let (entry, place) = try records.place(of: tensor)
                var descriptor = TensorDescriptor(name: item.name, shape: tensor.shape, storage: .raw(dtype))
                try totals.add(shape: tensor.shape, bytes: descriptor.byteCount)
                let key = Key(place: place, shape: tensor.shape, dtype: dtype)
                // Empty tensors have no payload to share.
                if let target = first[key], descriptor.elementCount > 0 {
                    descriptor.storage = .alias(of: target)
                } else {
                    first[key] = tensors.count
                }
                if case .alias = descriptor.storage { places.append(.none) } else { places.append(place) }
                tensors.append(descriptor)
                storages.append(entry)
            } catch var error as QAMError {
                error.place.section = PickleMachine.section
                error.place.tensor = item.name
                throw error
            }
        }
        let bytes = tensors.reduce(0) { $0 + $1.byteCount }
        guard (bytes - Self.maximumRepetition.bytes) / Self.maximumRepetition.factor <= fileBytes else {
            throw QAMError(
                .limitExceeded, "the tensors have \(bytes) bytes in all, but the file only \(fileBytes): they repeat parts of it; save them after clone()",
                at: .init(section: PickleMachine.section))
        }
    }
}

/// The entries of the archive by their purpose: a folder that holds `data.pkl`, `byteorder`, `version` and the storages in `data/`.
private struct TorchRecords {
    let pickle: Range<Int>
    private let entries: [ZipArchive.Entry]
    /// The index of each storage's entry.
    private var storages: [ExactName: Int] = [:]

    /// The newest version of the layout that PyTorch reads.
    private static let maximumVersion = 10

    init(_ archive: ZipArchive, in file: any ByteSource) throws {
        entries = archive.entries
        let pickles = entries.filter { Self.parts($0.name)?.rest == "data.pkl" }
        guard let pickle = pickles.first, let folder = Self.parts(pickle.name)?.folder else {
            throw QAMError(.malformed, "this is a zip archive without data.pkl, so not a PyTorch file: unpack it, and give what it holds")
        }
        guard pickles.count == 1 else { throw QAMError(.malformed, "\(pickles.count) folders of the zip archive hold a data.pkl") }
        self.pickle = pickle.range
        var named: [String: Range<Int>] = [:]
        for (index, entry) in entries.enumerated() {
            guard let parts = Self.parts(entry.name), parts.folder == folder else { continue }
            if parts.rest.hasPrefix("data/") {
                storages[ExactName(String(parts.rest.dropFirst(5)))] = index
            } else if parts.rest.hasPrefix("code/") || parts.rest == "constants.pkl" {
                throw QAMError(
                    .unsupported,
                    "this is a TorchScript archive, a program and not only tensors: save the state dict of the model that it was made of, "
                        + "torch.save(torch.jit.load(FILE).state_dict(), ...)")
            } else {
                named[parts.rest] = entry.range
            }
        }
        if let entry = entries.first(where: \.isCompressed) {
            throw QAMError(
                .unsupported, "the entry \"\(entry.name)\" is compressed, which torch.save does not do: unpack the archive and pack it again without (zip -0)",
                at: .init(offset: entry.range.lowerBound))
        }
        func text(_ name: String) throws -> String? {
            guard let range = named[name] else { return nil }
            guard range.count <= 64 else { throw QAMError(.malformed, "the entry \(name) has \(range.count) bytes", at: .init(offset: range.lowerBound)) }
            return String(decoding: try file.read(range), as: UTF8.self).filter { !$0.isWhitespace }
        }
        if let order = try text("byteorder"), order != "little" {
            guard order == "big" else { throw QAMError(.malformed, "the byte order is \"\(order)\", neither little nor big") }
            throw QAMError(.unsupported, "the file is big-endian, which is not read here: load it in PyTorch on any machine, and save it again")
        }
        if let version = try text("version") {
            guard let number = Int(version), number > 0 else { throw QAMError(.malformed, "the version is \"\(version)\", no number") }
            guard number <= Self.maximumVersion else { throw QAMError(.unsupported, "version \(number) of PyTorch's layout is not known; 1 to 10 are") }
        }
    }

    /// The first folder of a name, and the rest.
    private static func parts(_ name: String) -> (folder: Substring, rest: String)? {
        guard let slash = name.utf8.firstIndex(of: UInt8(ascii: "/")) else { return nil }
        return (name[..<slash], String(name[name.utf8.index(after: slash)...]))
    }

    /// Where a tensor lies, and the entry of its storage. Throws, without a place, if it does not lie within.
    func place(of tensor: TorchTensor) throws -> (entry: Int, place: PyTorchHeader.Place) {
        func fault(_ message: String) -> QAMError { QAMError(.malformed, message) }
        guard let index = storages[ExactName(tensor.storage.key)] else { throw fault("its storage data/\(tensor.storage.key) is not in the archive") }
        let range = entries[index].range
        let (bytes, overflow) = tensor.storage.count.multipliedReportingOverflow(by: tensor.storage.type?.byteCount ?? 1)
        guard !overflow, bytes == range.count else {
            throw fault(
                "its storage data/\(tensor.storage.key) has \(range.count) bytes, not \(tensor.storage.count) elements of \(tensor.storage.type?.name ?? "a byte")"
            )
        }
        let size = tensor.type.byteCount, available = range.count / size
        guard let elements = TensorDescriptor.checkedElementCount(tensor.shape) else { throw fault("its shape \(tensor.shape) overflows") }
        guard elements > 0 else { return (index, .contiguous(range.lowerBound..<range.lowerBound)) }
        var last = tensor.offset
        for (count, stride) in zip(tensor.shape, tensor.strides) {
            let (product, tooLong) = (count - 1).multipliedReportingOverflow(by: stride)
            let (sum, tooFar) = last.addingReportingOverflow(product)
            guard !tooLong, !tooFar else { throw fault("its strides \(tensor.strides) overflow") }
            last = sum
        }
        guard last < available else {
            throw fault("its last element is number \(last) of its storage data/\(tensor.storage.key), which has \(available)")
        }
        let start = range.lowerBound + tensor.offset * size
        let view = StridedView(start: start, elementBytes: size, shape: tensor.shape, strides: tensor.strides)
        // The elements of a contiguous view are as many as those between its first and its last.
        return (index, view.isContiguous ? .contiguous(start..<start + elements * size) : .strided(view))
    }
}
