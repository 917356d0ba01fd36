<?php

declare(strict_types=1);

namespace Fantail;

/** Something that a client did. */
final class Event
{
    public const OPEN = 'open';
    public const TEXT = 'text';
    public const BINARY = 'binary';
    public const CLOSE = 'close';

    private const LETTERS = [
        'O' => self::OPEN,
        'U' => self::TEXT,
        'Y' => self::BINARY,
        'X' => self::CLOSE,
    ];

    /**
     * @param string               $kind    OPEN, TEXT, BINARY or CLOSE
     * @param array<string, mixed> $client  what the server tells about the client: id, dialect,
     *                                      peer, and more
     * @param ?string              $message what it sent, for TEXT and BINARY
     */
    private function __construct(
        public readonly string $kind,
        public readonly array $client,
        public readonly ?string $message,
    ) {
    }

    /** @internal */
    public static function of(Frame $frame): ?self
    {
        $kind = self::LETTERS[$frame->letter] ?? null;
        if ($kind === null) {
            return null;
        }
        $hasMessage = $kind === self::TEXT || $kind === self::BINARY;
        $parts = $hasMessage ? explode("\n", $frame->payload, 2) : [$frame->payload];
        return new self($kind, Json::members($parts[0]), $hasMessage ? $parts[1] ?? '' : null);
    }
}
