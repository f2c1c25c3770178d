internal import QAMFormat

internal import Architectures
internal import Converters
internal import KernelBenchmark

/// The results of a benchmark, as JSON and as text.
struct BenchReport {
    let machine: String
    let results: [Measurement]

    /// For the largest number of threads.
    private var memoryRead: Double { results.filter { $0.kernel == .read }.map(\.bytesPerSecond).max() ?? 0 }

    var json: JSONValue {
        ["machine": .string(machine), "memoryReadGBps": .number(memoryRead / 1e9), "kernels": .array(results.map(Self.json))]
    }

    private static func json(_ result: Measurement) -> JSONValue {
        let members: [(String, JSONValue?)] = [
            ("name", .string(result.kernel.rawValue)), ("codebook", result.codebook.map(JSONValue.string)), ("bits", result.bits.map(JSONValue.number)),
            ("isa", .string(result.instructionSet)), ("threads", JSONValue(result.threads)), ("batch", result.batch.map { JSONValue($0) }),
            ("shape", result.shape.map { .array($0.map { JSONValue($0) }) }), ("tensors", result.tensorCount.map { JSONValue($0) }),
            ("weightsPerSecond", result.kernel == .read ? nil : .number(result.weightsPerSecond)), ("GBps", .number(result.bytesPerSecond / 1e9)),
            ("fractionOfMemoryRead", result.fractionOfMemoryRead.map(JSONValue.number)),
        ]
        return .object(members.compactMap { key, value in value.map { JSONValue.Member(key, $0) } })
    }

    /// One table per kernel: a row per code or model matrix, columns per feature set and number of threads.
    var text: String {
        var lines = [machine]
        for read in results where read.kernel == .read {
            lines.append("Memory read, \(Format.count(read.threads, "thread")): \(Format.decimal(read.bytesPerSecond / 1e9, 1)) GB/s")
        }
        let prepared = results.filter { $0.kernel == .prepare }.map { "\($0.instructionSet) \(Self.speed($0))" }
        if !prepared.isEmpty { lines.append("Preparing activations, 1 thread: \(prepared.joined(separator: ", ")) coordinates/s") }
        for kernel in [Measurement.Kernel.multiply, .multiplyBatch, .dequantize, .encode] {
            let table = Self.table(results.filter { $0.kernel == kernel })
            if !table.isEmpty { lines += ["", Self.heading(kernel)] + table.lines }
        }
        return lines.joined(separator: "\n")
    }

    private static func heading(_ kernel: Measurement.Kernel) -> String {
        switch kernel {
        case .read: "Memory read"
        case .multiply: "Product with one int8 vector, weights/s"
        case .multiplyBatch: "Product with 64 int8 vectors at a time, weights x vectors/s"
        case .dequantize: "Dequantizing to float32, including the inverse rotation, weights/s"
        case .encode: "Encoding from float32 in memory, weights/s"
        case .prepare: "Preparing activations, coordinates/s"
        }
    }

    private static func table(_ results: [Measurement]) -> Table {
        var columns: [String] = [], rows: [String] = []
        var cells: [String: [String: Measurement]] = [:]
        for result in results {
            let column = "\(result.instructionSet.uppercased()) x\(result.threads)", row = code(result)
            if !columns.contains(column) { columns.append(column) }
            if cells[row] == nil { rows.append(row) }
            cells[row, default: [:]][column] = result
        }
        // Two more columns compare with memory bandwidth, only for the selected feature set.
        let detailed = Set(
            columns.filter { column in
                results.contains { $0.fractionOfMemoryRead != nil && column == "\(results[0].instructionSet.uppercased()) x\($0.threads)" }
            })
        var headings: [(heading: String, alignment: Table.Alignment)] = [("CODE", .left)]
        for column in columns {
            headings.append((column, .right))
            if detailed.contains(column) { headings += [("GB/S", .right), ("OF READ", .right)] }
        }
        var table = Table(headings)
        for row in rows {
            var line = [row]
            for column in columns {
                let result = cells[row]?[column]
                line.append(result.map(speed) ?? "")
                guard detailed.contains(column) else { continue }
                line.append(result.map { Format.decimal($0.bytesPerSecond / 1e9, 1) } ?? "")
                line.append(result?.fractionOfMemoryRead.map { Format.decimal($0, 2) } ?? "")
            }
            table.add(line)
        }
        return table
    }

    /// `multiply octant 5.5 avx512 x2`.
    static func title(_ result: Measurement) -> String {
        "\(result.kernel.rawValue) \(code(result)) \(result.instructionSet) x\(result.threads)"
    }

    /// `octant 5.5`, of a model's matrices `octant 5.5, 4096 x 4096 (32)`.
    private static func code(_ result: Measurement) -> String {
        var text = "\(result.codebook ?? "") \(result.bits.map { Format.decimal($0, 1) } ?? "")"
        if let shape = result.shape, let count = result.tensorCount { text += ", \(Format.shape(shape)) (\(count))" }
        return text
    }

    /// `35.3 G`, `57.1 M`.
    private static func speed(_ result: Measurement) -> String {
        let speed = result.weightsPerSecond
        return speed >= 1e9 ? "\(Format.decimal(speed / 1e9, speed >= 1e10 ? 1 : 2)) G" : "\(Format.decimal(speed / 1e6, speed >= 1e7 ? 0 : 1)) M"
    }
}
