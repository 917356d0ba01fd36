<?php

declare(strict_types=1);

namespace Fantail\Dsock;

/** With what one client can connect once: wss://ws.example.com/connect?claim=ID. */
final class Claim
{
    /** @param list<string> $channels */
    private function __construct(
        public readonly string $id,
        public readonly string $user,
        /** Null if it is for none. */
        public readonly ?string $session,
        public readonly array $channels,
        /** When it ends, in seconds since 1970. */
        public readonly int $expiration,
    ) {
    }

    /** @internal */
    public static function of(Members $members): self
    {
        return new self(
            $members->text('id'),
            $members->text('user'),
            $members->optionalText('session'),
            $members->channels(),
            $members->number('expiration'),
        );
    }
}
