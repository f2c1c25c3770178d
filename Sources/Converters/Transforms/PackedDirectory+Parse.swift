import Architectures
internal import QAMFormat

/// Parses the untrusted directory of a packed model. Requires unique names, indices in range and sizes without overflow; throws `malformed`
/// otherwise.
extension PackedDirectory {
    init(parsing json: String) throws {
        self.init()
        var aliases: [(tensor: Int, target: String)] = []
        var version = 0
        var reader = JSONReader(Array(json.utf8), section: PackedNames.directory)
        try reader.members { reader, key in
            switch key {
            case "version": version = try reader.count()
            case "options": try reader.members { reader, key in options.append(Option(key: key, value: try reader.string())) }
            case "codebooks": try reader.array { reader in codebooks.append(CodecID(rawValue: try reader.integer())) }
            case "seeds": seedCount = try reader.count()
            case "files": try reader.array { reader in files.append(try reader.string()) }
            case "roles":
                try reader.members { reader, key in roles.append(Role(file: key, role: EmbeddedFileRole(rawValue: try reader.integer()))) }
            case "tensors":
                try reader.array { reader in
                    let (tensor, target) = try Self.tensor(&reader)
                    if let target { aliases.append((tensors.count, target)) }
                    tensors.append(tensor)
                }
            default: throw reader.malformed("the directory has no field \"\(key)\"")
            }
        }
        try reader.end()
        guard version == Self.version else {
            throw QAMError(
                .unsupported, "the packed model is of version \(version), not \(Self.version)",
                at: .init(section: PackedNames.directory))
        }
        try resolve(aliases)
        try checkIndices()
        do {
            try TensorTotals.check(tensors)
        } catch var error as QAMError {
            error.place.section = PackedNames.directory
            throw error
        }
    }

    private static func fault(_ message: String, _ tensor: String? = nil) -> QAMError {
        QAMError(.malformed, message, at: .init(section: PackedNames.directory, tensor: tensor))
    }

    private mutating func resolve(_ aliases: [(tensor: Int, target: String)]) throws {
        var indices: [ExactName: Int] = [:]
        for (index, tensor) in tensors.enumerated() {
            guard indices.updateValue(index, forKey: ExactName(tensor.name)) == nil else {
                throw Self.fault("the tensor is listed twice", tensor.name)
            }
        }
        let isAlias = Set(aliases.map(\.tensor))
        for alias in aliases {
            let tensor = tensors[alias.tensor]
            guard let target = indices[ExactName(alias.target)], !isAlias.contains(target), tensors[target].shape == tensor.shape else {
                throw Self.fault("it is an alias of \"\(alias.target)\", which is not a tensor of its shape", tensor.name)
            }
            tensors[alias.tensor].storage = .alias(of: target)
        }
    }

    private func checkIndices() throws {
        guard codebooks.count < 0xFFFF, seedCount < 0xFFFF else { throw Self.fault("there are more than 65,534 codebooks or seeds") }
        guard Set(files.map(ExactName.init)).count == files.count, files.allSatisfy(EmbeddedFileName.isValid) else {
            throw Self.fault("the names of the embedded files are not plain, or not unique")
        }
        for tensor in tensors {
            guard case .coded(let coding) = tensor.storage else { continue }
            guard coding.codebook.map({ $0 < codebooks.count }) ?? true, coding.seed.map({ $0 < seedCount }) ?? true else {
                throw Self.fault("its codebook or seed is not in the tables", tensor.name)
            }
        }
    }

    /// One entry, and the target's name if it is an alias.
    private static func tensor(_ reader: inout JSONReader) throws -> (TensorDescriptor, target: String?) {
        var name = ""
        var shape: [Int]?
        var dtype: DType?
        var target: String?
        var coding = CodingFields()
        try reader.members { reader, key in
            switch key {
            case "name":
                name = try reader.string()
                guard !name.utf8.contains(0) else { throw reader.malformed("a tensor's name holds a NUL") }
            case "shape":
                var dimensions: [Int] = []
                try reader.array { reader in
                    guard dimensions.count < 255 else { throw reader.malformed("more than 255 dimensions") }
                    dimensions.append(try reader.count())
                }
                shape = dimensions
            case "dtype": dtype = try reader.dtype()
            case "alias": target = try reader.string()
            default: try coding.read(key, &reader)
            }
        }
        guard let shape, let elements = TensorDescriptor.checkedElementCount(shape) else {
            throw reader.malformed("the shape is missing or overflows")
        }
        var tensor = TensorDescriptor(name: name, shape: shape, storage: .alias(of: 0))
        switch (dtype, target, coding.codec) {
        case (let dtype?, nil, nil):
            guard dtype.byteCount(elements: elements) != nil else { throw fault("the shape overflows or fills no whole blocks", name) }
            tensor.storage = .raw(dtype)
        case (nil, _?, nil): break
        case (nil, nil, _?): tensor.storage = .coded(try coding.coding(of: tensor))
        default: throw fault("a tensor must be one of raw, alias and coded", name)
        }
        return (tensor, target)
    }
}

/// Collects the fields of a coded tensor.
private struct CodingFields {
    var codec: CodecID?
    private var sourceType: DType?
    private var codebook: Int?
    private var seed: Int?
    private var parameters: [UInt8] = []
    private var streams: [StreamLayout] = []

    init() {}

    mutating func read(_ key: String, _ reader: inout JSONReader) throws {
        switch key {
        case "codec": codec = CodecID(rawValue: try reader.integer())
        case "sourceType": sourceType = try reader.dtype()
        case "codebook": codebook = try reader.count()
        case "seed": seed = try reader.count()
        case "parameters": parameters = try reader.hexadecimalBytes()
        case "streams": try reader.array { reader in streams.append(try reader.stream()) }
        default: throw reader.malformed("a tensor has no field \"\(key)\"")
        }
    }

    func coding(of tensor: TensorDescriptor) throws -> Coding {
        func fault(_ message: String) -> QAMError {
            QAMError(.malformed, message, at: .init(section: PackedNames.directory, tensor: tensor.name))
        }
        guard let codec else { throw fault("the codec is missing") }
        guard parameters.count <= 255, streams.count <= 255 else { throw fault("more than 255 parameters or streams") }
        var total = 0
        for stream in streams {
            var bytes = 0
            var overflows = [false, false]
            switch stream.extent {
            case .perRows(let count, let group): (bytes, overflows[0]) = group.multipliedReportingOverflow(by: StreamLayout.groups(tensor.rows, of: count))
            case .whole(let whole): bytes = whole
            }
            (total, overflows[1]) = total.addingReportingOverflow(bytes)
            guard overflows == [false, false] else { throw fault("the streams' sizes overflow") }
        }
        return Coding(
            codec: codec, sourceType: sourceType, codebook: codebook, seed: seed, parameters: parameters, streams: streams)
    }
}

extension JSONReader {
    /// Reads an object with unique keys.
    fileprivate mutating func members(_ member: (inout JSONReader, String) throws -> Void) throws {
        var keys: Set<ExactName> = []
        try object { reader, key in
            guard keys.insert(ExactName(key)).inserted else { throw reader.malformed("the key \"\(key)\" is given twice") }
            try member(&reader, key)
        }
    }

    fileprivate mutating func dtype() throws -> DType {
        let id: UInt8 = try integer()
        guard let dtype = DType.withID(id) else { throw malformed("unknown data type \(id)") }
        return dtype
    }

    fileprivate mutating func hexadecimalBytes() throws -> [UInt8] {
        let digits = try string().utf8.map { Character(Unicode.Scalar($0)).hexDigitValue }
        guard digits.count.isMultiple(of: 2), digits.allSatisfy({ $0 != nil }) else {
            throw malformed("hexadecimal bytes are expected here")
        }
        return stride(from: 0, to: digits.count, by: 2).map { UInt8((digits[$0] ?? 0) << 4 | (digits[$0 + 1] ?? 0)) }
    }

    fileprivate mutating func stream() throws -> StreamLayout {
        var role: StreamRole?
        var extents: [StreamLayout.Extent] = []
        var groupRows: Int?
        try members { reader, key in
            switch key {
            case "role": role = StreamRole(rawValue: try reader.integer())
            case "row": extents.append(.perRow(try reader.count()))
            case "group": extents.append(.perRows(0, bytes: try reader.count()))
            case "rows": groupRows = try reader.count()
            case "whole": extents.append(.whole(try reader.count()))
            default: throw reader.malformed("a stream has no field \"\(key)\"")
            }
        }
        guard let role, extents.count == 1 else { throw malformed("a stream needs a role and one size") }
        guard case .perRows(0, let bytes) = extents[0] else {
            guard groupRows == nil else { throw malformed("only a stream with a \"group\" has \"rows\"") }
            return StreamLayout(role: role, extent: extents[0])
        }
        guard let groupRows, (2...1 << 15).contains(groupRows), groupRows & (groupRows - 1) == 0 else {
            throw malformed("the rows of a group are a power of two from 2 to 32768")
        }
        return StreamLayout(role: role, extent: .perRows(groupRows, bytes: bytes))
    }
}
