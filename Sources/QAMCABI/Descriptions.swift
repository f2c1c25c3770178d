import CQAMW
import QAMFormat

// The C forms of tensors and metadata entries. `size` is set when they are stored.

extension qamw_tensor {
    /// - Parameter storage: of the tensor itself; for an alias, `view` is that of its target.
    @unsafe init(_ view: TensorView, storage: TensorDescriptor.Storage, _ memory: inout LentMemory) throws {
        unsafe self.init()
        unsafe name = memory.text(view.name)
        unsafe shape = memory.array(view.shape.map { UInt64($0) })
        unsafe rank = UInt32(view.shape.count)
        unsafe rows = UInt64(view.rows)
        unsafe columns = UInt64(view.columns)
        unsafe bytes = UInt64(view.descriptor.byteCount)
        unsafe target = UInt64(view.index)
        let kind =
            switch storage {
            case .raw: QAMW_RAW
            case .coded: QAMW_CODED
            case .alias: QAMW_ALIAS
            case .unreadable: QAMW_UNREADABLE
            }
        unsafe self.storage = UInt32(kind)
        switch view.descriptor.storage {
        case .raw(let type): unsafe describe(type, &memory)
        case .coded(let coding): unsafe describe(coding.sourceType, &memory)
        case .alias, .unreadable: unsafe describe(nil, &memory)
        }
        do {
            guard let coding = try view.coding else { return }
            unsafe codec = memory.text(coding.codec)
            if let name = coding.codebook { unsafe codebook = memory.text(name) }
            unsafe gain_type = memory.text(coding.gainType.name)
            unsafe bits = coding.bits
            unsafe block_size = UInt64(coding.blockSize ?? 0)
            unsafe seed = coding.seed ?? 0
            unsafe group_rows = UInt64(coding.code.family.groupRows)
            unsafe has_channel_scales = coding.channelScales ? 1 : 0
        } catch let error as QAMError where error.code == .unsupported {
            // An unknown codec: the tensor is listed nevertheless.
        }
    }

    @unsafe private mutating func describe(_ type: DType?, _ memory: inout LentMemory) {
        unsafe dtype = memory.text(type?.name ?? "")
        unsafe block_elements = UInt32(type?.blockElements ?? 0)
        unsafe block_bytes = UInt32(type?.blockBytes ?? 0)
    }
}

extension qamw_metadata {
    @unsafe init(_ entry: Metadata.Entry, _ memory: inout LentMemory) {
        unsafe self.init()
        unsafe key = memory.text(entry.key)
        switch entry.value {
        case .uint8(let value): unsafe set(QAMW_UINT8, [value], &memory)
        case .int8(let value): unsafe set(QAMW_INT8, [value], &memory)
        case .uint16(let value): unsafe set(QAMW_UINT16, [value], &memory)
        case .int16(let value): unsafe set(QAMW_INT16, [value], &memory)
        case .uint32(let value): unsafe set(QAMW_UINT32, [value], &memory)
        case .int32(let value): unsafe set(QAMW_INT32, [value], &memory)
        case .float32(let value): unsafe set(QAMW_FLOAT32, [value], &memory)
        case .bool(let value): unsafe set(QAMW_BOOL, [UInt8(value ? 1 : 0)], &memory)
        case .string(let value): unsafe set(QAMW_STRING, [memory.string(value)], &memory)
        case .uint64(let value): unsafe set(QAMW_UINT64, [value], &memory)
        case .int64(let value): unsafe set(QAMW_INT64, [value], &memory)
        case .float64(let value): unsafe set(QAMW_FLOAT64, [value], &memory)
        case .array(let array):
            unsafe set(array, &memory)
            unsafe type = UInt32(QAMW_ARRAY)
        }
    }

    @unsafe private mutating func set(_ array: MetadataArray, _ memory: inout LentMemory) {
        switch array {
        case .uint8(let values): unsafe set(QAMW_UINT8, values, &memory)
        case .int8(let values): unsafe set(QAMW_INT8, values, &memory)
        case .uint16(let values): unsafe set(QAMW_UINT16, values, &memory)
        case .int16(let values): unsafe set(QAMW_INT16, values, &memory)
        case .uint32(let values): unsafe set(QAMW_UINT32, values, &memory)
        case .int32(let values): unsafe set(QAMW_INT32, values, &memory)
        case .float32(let values): unsafe set(QAMW_FLOAT32, values, &memory)
        case .bool(let values): unsafe set(QAMW_BOOL, values.map { UInt8($0 ? 1 : 0) }, &memory)
        case .string(let values): unsafe set(QAMW_STRING, values.map { unsafe memory.string($0) }, &memory)
        case .uint64(let values): unsafe set(QAMW_UINT64, values, &memory)
        case .int64(let values): unsafe set(QAMW_INT64, values, &memory)
        case .float64(let values): unsafe set(QAMW_FLOAT64, values, &memory)
        }
    }

    @unsafe private mutating func set<Value: BitwiseCopyable>(_ type: Int, _ values: [Value], _ memory: inout LentMemory) {
        unsafe self.type = UInt32(type)
        unsafe element_type = UInt32(type)
        unsafe count = UInt64(values.count)
        unsafe self.values = UnsafeRawPointer(memory.array(values))
    }
}
