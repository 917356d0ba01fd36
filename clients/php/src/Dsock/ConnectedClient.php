<?php

declare(strict_types=1);

namespace Fantail\Dsock;

/** A client that is connected. */
final class ConnectedClient
{
    /** @param list<string> $channels */
    private function __construct(
        public readonly string $id,
        public readonly string $user,
        /** Null if it has none. */
        public readonly ?string $session,
        public readonly array $channels,
        /** When it last sent a ping or a pong, in seconds since 1970. */
        public readonly int $lastPing,
        /** A name of the server's process that changes with each start. */
        public readonly string $worker,
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
            $members->number('lastPing'),
            $members->text('worker'),
        );
    }
}
