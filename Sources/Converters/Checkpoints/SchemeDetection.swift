import QAMFormat
import Synchronization

/// The result of `QuantizationScheme.detect`, computed when it is first asked for: it takes time proportional to the tensors.
final class SchemeDetection: Sendable {
    private let found = Mutex<QuantizationScheme??>(nil)

    func scheme(_ detect: () throws -> QuantizationScheme?) throws -> QuantizationScheme? {
        try found.withLock { found in
            if let known = found { return known }
            let scheme = try detect()
            found = .some(scheme)
            return scheme
        }
    }
}
