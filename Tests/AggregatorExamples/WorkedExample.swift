public import Aggregator
public import Testing

/// A small history of an aggregator, input and output, that was observed in M3 or is asserted by M3's own tests. Source:
/// `docs/testing.md`, "Worked examples".
public struct WorkedExample: Sendable, CustomTestStringConvertible {
    /// Such as `16.45b`; an example may have several cases.
    public var number: String
    /// What it shows.
    public var title: String
    public var options: AggregatorOptions
    /// The shards of the aggregator; nil when it has all of them.
    public var shards: [OwnedShard]?
    /// See ``Script``.
    public var text: String

    public var testDescription: String { "\(number) \(title)" }

    /// All cases in the order of their numbers.
    public static let all: [WorkedExample] =
        CounterExamples.all + GaugeExamples.all + TimerExamples.all + TransformationExamples.all + RollupExamples.all
        + ResendExamples.all + TimedExamples.all + MetadataExamples.all + LimitExamples.all

    /// The cases of one example.
    public static func cases(_ number: String) -> [WorkedExample] { all.filter { $0.number == number } }

    /// The settings of the examples with all series in one shard, so that what they forward travels together.
    static var oneShard: AggregatorOptions {
        var options = Script.options
        options.numShards = 1
        return options
    }

    init(
        _ number: String, _ title: String, options: AggregatorOptions = Script.options, shards: [OwnedShard]? = nil,
        _ text: String
    ) {
        self.number = number
        self.title = title
        self.options = options
        self.shards = shards
        self.text = text
    }
}
