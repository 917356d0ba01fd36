<?php

declare(strict_types=1);

namespace Fantail\Dsock;

/**
 * Whom a call is for.
 *
 * Names are never empty: the server takes an empty one as one that is not there, and a message for
 * one session would go to all of a user.
 */
final class Target
{
    /** @param array<string, string> $parameters as the URL has them */
    private function __construct(
        /** @internal */
        public readonly array $parameters,
    ) {
    }

    /** One connection, by the id that info() tells. */
    public static function id(string $id): self
    {
        return new self(['id' => Names::checked('id', $id)]);
    }

    /** All connections of a user, or of one of the user's sessions. */
    public static function user(string $user, ?string $session = null): self
    {
        return self::withSession(['user' => Names::checked('user', $user)], $session);
    }

    /** All connections in a channel, or those of them in sessions of that name. */
    public static function channel(string $channel, ?string $session = null): self
    {
        return self::withSession(['channel' => Names::checked('channel', $channel)], $session);
    }

    /** @param array<string, string> $parameters */
    private static function withSession(array $parameters, ?string $session): self
    {
        $more = $session === null ? [] : ['session' => Names::checked('session', $session)];
        return new self($parameters + $more);
    }
}
