// Decodes one row of a tensor.
//
//     swift run read-row FILE.qamw TENSOR ROW

import Foundation
import QAMFormat

/// Exits with a message.
func fail(_ message: String) -> Never {
    FileHandle.standardError.write(Data("\(message)\n".utf8))
    exit(1)
}

let arguments = CommandLine.arguments
guard arguments.count == 4, let row = Int(arguments[3]) else { fail("usage: read-row FILE.qamw TENSOR ROW") }
do {
    let reader = try QAMReader(path: arguments[1], access: .mapped)
    let view = try reader.tensor(named: arguments[2])
    var weights = [Float](repeating: 0, count: view.columns)
    var span = weights.mutableSpan
    try view.dequantize(rows: row..<row + 1, into: &span)
    print(weights.map { "\($0)" }.joined(separator: " "))
} catch let error as QAMError {
    fail("read-row: \(error)")
}
