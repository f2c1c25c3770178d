internal import QAMFormat

/// Converts between the scores of SentencePiece's BPE and the merges of Hugging Face's.
enum PieceMerges {
    /// All pairs of pieces that form a piece, sorted by descending score as in Hugging Face's converter: for equal scores by descending
    /// length of the left part, then of the right part, then by ids.
    ///
    /// There are as many merges as ways to split the tokens. Throws `limitExceeded` if they have more than 64 times the tokens' bytes,
    /// which requires long tokens made of one another; time and memory are thus about linear in the tokens' bytes.
    static func merges(_ tokens: [Tokenizer.Token], _ index: PieceIndex) throws -> [Tokenizer.Merge] {
        struct Split {
            var left: Int, right: Int, leftLength: Int, rightLength: Int, whole: Int
            var key: (Int, Int, Int, Int, Int) { (-leftLength, -rightLength, whole, left, right) }
        }
        let order = tokens.indices.sorted { (tokens[$1].score, $0) < (tokens[$0].score, $1) }
        var merges: [Tokenizer.Merge] = []
        var group: [Split] = []
        var room = 64 * tokens.reduce(0) { $0 + $1.text.utf8.count }
        for (position, id) in order.enumerated() {
            // Padding is not a piece of the tokenizer.
            if !tokens[id].isPadding(at: id) {
                let byteCount = tokens[id].text.utf8.count
                index.splits(of: id) { left, right, leftLength, rightLength in
                    room -= byteCount
                    if room >= 0 { group.append(Split(left: left, right: right, leftLength: leftLength, rightLength: rightLength, whole: id)) }
                }
                guard room >= 0 else {
                    throw QAMError(
                        .limitExceeded, "the tokens can be joined from one another in too many ways; token \(id) exceeds the limit",
                        at: .init(section: "tokenizer.ggml.tokens"))
                }
            }
            let isLast = position + 1 == order.count || tokens[order[position + 1]].score != tokens[id].score
            guard isLast else { continue }
            group.sort { $0.key < $1.key }
            for split in group {
                merges.append(Tokenizer.Merge(left: tokens[split.left].text, right: tokens[split.right].text))
            }
            group.removeAll(keepingCapacity: true)
        }
        return merges
    }

    /// Scores under which SentencePiece performs the merges: minus the rank, among pieces, of the first merge that forms the piece, as
    /// SentencePiece's trainer writes. Pieces not formed by merges follow in order of their ids. For Llama 2's tokenizer.json, this gives
    /// the scores of its tokenizer.model. Tokens of types other than `normal` get 0.
    ///
    /// Throws `malformed` if a merge does not form a token. Also returns the number of tokens that can be split into two tokens that no
    /// merge joins: SentencePiece would join them anyway.
    static func scores(
        _ merges: [Tokenizer.Merge], _ tokens: [Tokenizer.Token], _ index: PieceIndex
    ) throws -> (scores: [Float], unlisted: Int) {
        var ranks = [Int](repeating: -1, count: tokens.count)
        var listed = [Int](repeating: 0, count: tokens.count)
        var next = 0
        var text: [UInt8] = []
        for (number, merge) in merges.enumerated() {
            text.removeAll(keepingCapacity: true)
            text.append(contentsOf: merge.left.utf8)
            text.append(contentsOf: merge.right.utf8)
            guard let id = index[text.span] else {
                throw QAMError(
                    .malformed, "merge \(number) makes \"\(merge.left)\(merge.right)\", which is not a token",
                    at: .init(file: TokenizerFiles.Name.tokenizer.rawValue))
            }
            listed[id] += 1
            guard ranks[id] < 0, tokens[id].type == .normal else { continue }
            ranks[id] = next
            next += 1
        }
        for id in tokens.indices where ranks[id] < 0 && tokens[id].type == .normal {
            ranks[id] = next
            next += 1
        }
        var unlisted = 0
        for id in tokens.indices where tokens[id].type == .normal {
            var cuts = 0
            index.splits(of: id) { _, _, _, _ in cuts += 1 }
            if cuts > listed[id] { unlisted += 1 }
        }
        return (ranks.map { Float(-max($0, 0)) }, unlisted)
    }
}
